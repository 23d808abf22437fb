# SPDX-License-Identifier: Apache-2.0
"""How commands show jobs: formats, progress, timeline, summaries."""
