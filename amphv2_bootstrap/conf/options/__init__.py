# SPDX-License-Identifier: Apache-2.0
"""The options, one module per option group."""
