# SPDX-License-Identifier: Apache-2.0
"""The flows, one a module, found by their registered names."""
