# SPDX-License-Identifier: Apache-2.0
"""The tests, and where they find files of the repository."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = REPOSITORY / "tests" / "data"
