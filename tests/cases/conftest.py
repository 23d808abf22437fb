# SPDX-License-Identifier: Apache-2.0
"""The cases use the unit tests' controller."""

from tests.unit.conftest import controller

__all__ = ["controller"]
