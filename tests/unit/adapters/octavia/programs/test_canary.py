# SPDX-License-Identifier: Apache-2.0
"""When the second owner may get the first owner's claim."""

import io
import time

import pytest

from amphv2_bootstrap.adapters.octavia.programs.canary import hand_over, take_over
from amphv2_bootstrap.adapters.octavia.programs.reporting import BrokenLinkError, Report


class First:
    """An owner that claimed the job ``ago`` seconds ago."""

    seconds = 4

    def __init__(self, ago: float) -> None:
        self.began = time.monotonic() - ago
        self.is_killed = self.is_released = False

    def claim(self, uuid: str) -> float:
        return self.began

    def release(self) -> None:
        self.is_released = True

    def kill(self) -> None:
        self.is_killed = True


class Second:
    """An owner that gets the claim after so many refusals."""

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
def test_an_early_second_claim_is_an_error(
    ago: float, refusals: int, link: str
) -> None:
    """The second owner must not get a claim that still holds, at any attempt."""
    report = Report(io.StringIO())
    with pytest.raises(BrokenLinkError, match="two owners"):
        take_over(report, First(ago), Second(refusals), "uuid")
    assert report.link == link


def test_an_expired_claim_may_be_taken() -> None:
    """After the expiry the second owner gets the claim, and the time is returned."""
    first = First(3.9)
    assert take_over(Report(io.StringIO()), first, Second(1), "uuid") >= 3.9
    assert first.is_killed


def test_a_claim_that_never_ends() -> None:
    """The proof fails if the claim holds much longer than its time."""
    with pytest.raises(BrokenLinkError, match="still holds"):
        take_over(Report(io.StringIO()), First(1000.0), Second(9), "uuid")


def test_the_claiming_owner_must_own_the_job() -> None:
    """The proof fails if the board doesn't name the second owner."""
    second = Second(1, is_owner=False)
    with pytest.raises(BrokenLinkError, match="does not own it"):
        take_over(Report(io.StringIO()), First(5.0), second, "uuid")


def test_a_claim_that_is_given_back() -> None:
    """The second owner is refused before, and gets the claim after."""
    first, second = First(0.0), Second(1)
    assert hand_over(Report(io.StringIO()), first, second, "uuid") < 4
    assert first.is_released
    assert not first.is_killed


@pytest.mark.parametrize(
    ("refusals", "is_owner", "link", "why"),
    [
        (0, True, "claim", "two owners"),
        (2, True, "takeover", "still holds"),
        (1, False, "takeover", "does not own it"),
    ],
)
def test_a_claim_that_is_not_handed_over(
    refusals: int, is_owner: bool, link: str, why: str
) -> None:
    """Without an expiry, the other faults of a claim are found as well."""
    report = Report(io.StringIO())
    second = Second(refusals, is_owner=is_owner)
    with pytest.raises(BrokenLinkError, match=why):
        hand_over(report, First(0.0), second, "uuid")
    assert report.link == link
