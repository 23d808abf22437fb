# SPDX-License-Identifier: Apache-2.0
"""Octavia on this host: its files, its Python, and programs that its Python runs."""
