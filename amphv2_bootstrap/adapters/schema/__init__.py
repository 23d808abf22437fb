# SPDX-License-Identifier: Apache-2.0
"""The tables of taskflow's persistence: their revisions, state and repair."""
