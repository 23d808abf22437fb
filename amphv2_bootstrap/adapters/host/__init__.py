# SPDX-License-Identifier: Apache-2.0
"""This machine: its commands, files, packages and services."""
