# SPDX-License-Identifier: Apache-2.0
"""The step of the flow ``key-value-host``."""
