# SPDX-License-Identifier: Apache-2.0
"""The steps: one small module a resource; look up, compare, act."""
