# SPDX-License-Identifier: Apache-2.0
"""The daemon's work: claim flows, run them in threads, keep the board complete."""
