# SPDX-License-Identifier: Apache-2.0
"""The tests, and the paths of the repository's files that they read."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = REPOSITORY / "tests" / "data"
