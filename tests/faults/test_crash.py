# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at every boundary: another conductor finishes, and nothing is amiss.

The boundaries are found by a run that nobody disturbs. Short form: a sample of
them, on each board; long form: all.
"""

import random
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.faults.cloud import BOARDS, BoardChoice, Cloud, explained
from tests.faults.machine import wait_until_over
from tests.faults.script import KILL, TERM, ToyStep
from tests.servers.process import wait_until

MakeCloud = Callable[[str], Cloud]


@dataclass(frozen=True)
class Scenario:
    """A job that goes one way; ``sample`` is how many boundaries the short form takes.

    ``base`` are the faults that belong to the scenario itself.
    """

    steps: Sequence[ToyStep]
    end: str
    sample: int
    story: Sequence[str]
    on_failure: str = "park"
    base: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, float] = field(default_factory=dict)
    only: str = ""


def _done(*names: str) -> list[str]:
    return [f"{verb} {name}" for name in names for verb in ("begin", "end")]


def _undone(*names: str) -> list[str]:
    return [f"{verb} {name}" for name in names for verb in ("begin-undo", "end-undo")]


A, B = ToyStep("a"), ToyStep("b")
SCENARIOS = {
    "forward": Scenario([A, B], "done", 3, _done("a", "b")),
    "revert": Scenario(
        [A, B, ToyStep("c", fails=True)],
        "reverted",
        3,
        [*_done("a", "b", "c"), *_undone("b", "a")],
        on_failure="revert",
    ),
    "park": Scenario(
        [A, ToyStep("c", fails=True)], "parked", 1, _done("a", "c"), only="job"
    ),
    "renewal": Scenario(
        [ToyStep("a", renewed=True)],
        "done",
        1,
        _done("a"),
        settings={"expiry": 6.0},
        only="lease",
    ),
    # The conductor is told to stop in its first step: it gives the job back.
    "suspension": Scenario(
        [A, B],
        "ready",
        1,
        _done("a"),
        base={"job.a.begin.after#1": TERM},
        only=r"job\.(write|release)",
    ),
}
# Not the same in two runs: how often the loop reconciles meanwhile.
_UNSTEADY = re.compile(r"loop\.write\.\w+#(?!1$)|other\.|loop\.post_entry\.\w+#(?!1$)")


def boundaries(cloud: Cloud, scenario: Scenario) -> list[str]:
    """All boundaries of an undisturbed run."""
    trace = cloud.trace()
    process = cloud.start(
        "one", trace=str(trace), faults=scenario.base, settings=scenario.settings
    )
    posted = cloud.post(on_failure=scenario.on_failure)
    with explained(posted):
        wait_until(
            lambda: posted.states == [scenario.end] and posted.story == scenario.story,
            what=f"the undisturbed job is {scenario.end}",
        )
        process.signal(signal.SIGTERM)
        wait_until_over(process, "the conductor has ended")
    assert process.state == "exit 0", cloud.describe()
    tidy(cloud)
    found = dict.fromkeys(trace.read_text().splitlines())
    return [
        name
        for name in found
        if not _UNSTEADY.match(name) and re.match(scenario.only, name)
    ]


def crash(cloud: Cloud, scenario: Scenario, boundary: str, other: int) -> None:
    """Kill a conductor at the boundary; the other one, on machine ``other``, ends it.

    The other one is there all the time, but the job is hidden from it until then;
    it is started later where it would have done itself what is to be interrupted.
    """
    hold = cloud.file("hold")
    hold.touch()
    # Near, a claim that had to expire would take far longer than the test waits.
    expiry = scenario.settings.get("expiry", 3.0 if other else 600.0)
    options: dict[str, Any] = {
        "settings": {**scenario.settings, "expiry": expiry},
        "board": {**cloud.backends.board, "expiry": min(expiry, 60.0)},
    }
    starting = boundary.startswith("loop.")
    if not starting:
        cloud.start("two", machine=other, hold=str(hold), **options)
    posted = cloud.post(on_failure=scenario.on_failure)
    faults = {**scenario.base, boundary: KILL}
    first = cloud.start("one", faults=faults, **options)
    with explained(posted):
        wait_until_over(first, f"it is killed at {boundary}")
        assert first.state == "signal 9", first.state
        hold.unlink()
        if starting:
            cloud.start("two", machine=other, **options)
        posted.wait(f"the other one ends what was left at {boundary}", timeout=45)
        ends = {"ready": "done"}
        assert posted.states == [ends.get(scenario.end, scenario.end)]
        posted.check()
    tidy(cloud)


def crash_at_each(
    cloud: Cloud, scenario: Scenario, whole: bool, chance: random.Random
) -> None:
    """Crash at all boundaries, or at a sample of them; tell of all that failed."""
    cloud.flows = {"main": scenario.steps}
    places = boundaries(cloud, scenario)
    assert len(places) >= 2, places
    print(f"{len(places)} boundaries: {' '.join(places)}")
    if not whole:
        places = sorted(chance.sample(places, scenario.sample))
    failed = {}
    for number, place in enumerate(places):
        other = number % 2
        print(f"{place}, the other one {'far' if other else 'near'}")
        try:
            crash(cloud, scenario, place, other)
        except (AssertionError, pytest.fail.Exception) as exc:
            failed[place] = str(exc)
            tidy(cloud)
    assert not failed, "\n".join(f"{place}: {why}" for place, why in failed.items())


@pytest.mark.parametrize("name", ["forward", "revert"])
@pytest.mark.parametrize("board", BOARDS)
def test_killed_at(
    board: str, name: str, whole: bool, make_cloud: MakeCloud, chance: random.Random
) -> None:
    """Wherever the holder is killed: all invariants hold, the job ends as planned."""
    crash_at_each(make_cloud(board), SCENARIOS[name], whole, chance)


@pytest.mark.parametrize("name", ["park", "renewal", "suspension"])
def test_killed_in(
    name: str,
    board_choice: BoardChoice,
    whole: bool,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """The same while a job is parked, its claim renewed, or given back."""
    for board in board_choice.all_or_one():
        print(board)
        crash_at_each(make_cloud(board), SCENARIOS[name], whole, chance)


def tidy(cloud: Cloud) -> None:
    """End what a failed crash has left, so that the next one begins anew."""
    cloud.stop()
    unfinished = cloud.job_creation.unfinished()
    if unfinished is not None:
        cloud.journal.cancel(unfinished)
