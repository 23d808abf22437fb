# SPDX-License-Identifier: Apache-2.0
"""How much two clocks of a cloud may differ."""

CLOCK_WARNING_SECONDS = 2.0
"""Hosts that keep time by NTP differ by milliseconds."""

CLOCK_ERROR_SECONDS = 30.0
"""Octavia's default jobboard_expiration_time. With a larger difference, logs and
records of two hosts can't be put in order, and TLS and tokens begin to fail."""
