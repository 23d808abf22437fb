# SPDX-License-Identifier: Apache-2.0
"""``conductor``: who carries jobs out, and what they report of their hosts."""
