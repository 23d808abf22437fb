# SPDX-License-Identifier: Apache-2.0
"""Commands that change the course of a job under way."""
