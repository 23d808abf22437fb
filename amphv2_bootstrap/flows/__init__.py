# SPDX-License-Identifier: Apache-2.0
"""The flows, one module each, found by their registered names."""
