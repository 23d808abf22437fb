# SPDX-License-Identifier: Apache-2.0
"""Installs a key-value server on this host."""
