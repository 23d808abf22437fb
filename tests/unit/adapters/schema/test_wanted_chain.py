# SPDX-License-Identifier: Apache-2.0
"""Which revisions an Octavia's taskflow knows."""

import pytest

from amphv2_bootstrap.adapters.schema.revisions import CHAIN, ENDS_OF_RELEASES, known_to
from amphv2_bootstrap.adapters.schema.wanted_chain import wanted_chain


@pytest.mark.parametrize(
    ("version", "head"),
    [
        ("4.6.0", "0bc3e1a3c135"),
        ("4.6.4", "6df9422fcb43"),
        ("5.0.0", "40fc8c914bd2"),
        ("5.12.0", "40fc8c914bd2"),
        ("6.0.0.0rc1", "00af93df9d77"),
        ("6.5.0", "00af93df9d77"),
    ],
)
def test_the_head_follows_from_the_version(version: str, head: str) -> None:
    """What a release of taskflow can read ends at the head that it was made with."""
    assert known_to(version) == CHAIN[: CHAIN.index(head) + 1]
    assert head in ENDS_OF_RELEASES


@pytest.mark.parametrize("version", ["7.0.0", "unknown", ""])
def test_an_unknown_version_tells_nothing(version: str) -> None:
    """A newer taskflow's tables are never made by guess."""
    assert known_to(version) == ()


@pytest.mark.parametrize("python", [None, "/bin/false", "/bin/true"])
def test_a_python_that_says_nothing(python: str | None) -> None:
    """The newest known head is assumed, and that is said."""
    found = wanted_chain(python)
    assert (found.is_assumed, found.revisions) == (True, CHAIN)
    assert "is assumed" in found.remark
