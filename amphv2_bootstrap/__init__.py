# SPDX-License-Identifier: Apache-2.0
"""Resumable provisioning of the jobboard of Octavia's amphorav2 provider."""
