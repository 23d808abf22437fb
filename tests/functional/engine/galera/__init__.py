# SPDX-License-Identifier: Apache-2.0
"""The engine's database on two nodes of a Galera cluster, both written to."""
