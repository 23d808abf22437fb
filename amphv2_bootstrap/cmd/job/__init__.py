# SPDX-License-Identifier: Apache-2.0
"""``job``: look at jobs, and change their course."""
