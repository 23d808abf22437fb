# SPDX-License-Identifier: Apache-2.0
"""What an operator changes in a job under way; each function is one transaction."""
