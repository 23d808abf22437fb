# SPDX-License-Identifier: Apache-2.0
"""The resumable engine on taskflow; knows nothing of Octavia."""
