# SPDX-License-Identifier: Apache-2.0
"""The checks are tested on the same target as the steps."""

from tests.functional.steps.conftest import prepared, target

__all__ = ["prepared", "target"]
