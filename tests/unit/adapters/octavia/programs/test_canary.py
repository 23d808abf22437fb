# SPDX-License-Identifier: Apache-2.0
"""When the second owner may get the claim of the first."""

import io
import time

import pytest

from amphv2_bootstrap.adapters.octavia.programs.canary import take_over
from amphv2_bootstrap.adapters.octavia.programs.reporting import BrokenLinkError, Report


class First:
    """An owner who claimed the job ``ago`` seconds before."""

    seconds = 4

    def __init__(self, ago: float) -> None:
        self.began = time.monotonic() - ago
        self.is_killed = False

    def claim(self, uuid: str) -> float:
        return self.began

    def kill(self) -> None:
        self.is_killed = True


class Second:
    """An owner who is refused as often as that, then gets the claim."""

    def __init__(self, refusals: int, *, is_owner: bool = True) -> None:
        self._refusals = refusals
        self._is_owner = is_owner

    def claims(self) -> bool:
        self._refusals -= 1
        return self._refusals < 0

    def owns(self) -> bool:
        return self._is_owner


@pytest.mark.parametrize(
    ("ago", "refusals", "link"),
    [(0.0, 0, "claim"), (0.0, 1, "expiry"), (2.0, 3, "expiry")],
)
def test_before_the_claim_is_over_there_is_one_owner(
    ago: float, refusals: int, link: str
) -> None:
    """At the first attempt or at any later one, also when the first was killed."""
    report = Report(io.StringIO())
    with pytest.raises(BrokenLinkError, match="two owners"):
        take_over(report, First(ago), Second(refusals), "uuid")
    assert report.link == link


def test_a_claim_that_is_over_may_be_taken() -> None:
    """The first owner was killed before, and the time since its claim is told."""
    first = First(3.9)
    assert take_over(Report(io.StringIO()), first, Second(1), "uuid") >= 3.9
    assert first.is_killed


def test_a_claim_that_never_ends() -> None:
    """After a while nobody waits any more."""
    with pytest.raises(BrokenLinkError, match="still holds"):
        take_over(Report(io.StringIO()), First(1000.0), Second(9), "uuid")


def test_who_got_the_claim_has_to_own_it() -> None:
    """By the board's own word."""
    second = Second(1, is_owner=False)
    with pytest.raises(BrokenLinkError, match="does not own it"):
        take_over(Report(io.StringIO()), First(5.0), second, "uuid")
