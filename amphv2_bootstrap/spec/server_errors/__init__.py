# SPDX-License-Identifier: Apache-2.0
"""What errors of servers mean, for adapters and jobboards alike."""
