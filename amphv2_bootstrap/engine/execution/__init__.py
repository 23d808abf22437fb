# SPDX-License-Identifier: Apache-2.0
"""One run of one flow: its lease, its fenced persistence, its outcome."""
