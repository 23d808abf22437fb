# SPDX-License-Identifier: Apache-2.0
"""What the database holds, as operators and their tools read it; for cmd and web."""
