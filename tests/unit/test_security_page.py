# SPDX-License-Identifier: Apache-2.0
"""The page on security names tests that exist."""

import re

from tests import REPOSITORY

_PATH = re.compile(r"``((?:contract|functional|lab|unit)/[\w/.]*)``")


def test_every_test_that_is_named_exists() -> None:
    """Where a test was renamed, the page must be changed, too."""
    text = (REPOSITORY / "doc" / "source" / "security.rst").read_text()
    named = _PATH.findall(text)
    assert len(named) > 20
    missing = [name for name in named if not (REPOSITORY / "tests" / name).exists()]
    assert not missing
