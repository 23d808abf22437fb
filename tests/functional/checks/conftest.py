# SPDX-License-Identifier: Apache-2.0
"""The checks look at the same target as the steps."""

from tests.functional.steps.conftest import target

__all__ = ["target"]
