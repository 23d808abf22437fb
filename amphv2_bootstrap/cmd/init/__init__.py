# SPDX-License-Identifier: Apache-2.0
"""``init``: a first configuration file from what is on this host."""
