# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at every boundary: another conductor finishes, and every invariant holds.

A run without faults finds the boundaries. The short form tries a sample of them on each
board, the long form tries all.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tests.faults.cloud import BOARDS, BoardChoice, Cloud, MakeCloud, explained
from tests.faults.machine import wait_until_over
from tests.faults.script import KILL, TERM, ToyStep
from tests.servers.process import wait_until


@dataclass(frozen=True)
class Scenario:
    """One way in which a flow can go.

    ``sample`` is the number of boundaries in the short form, ``base`` the faults of the
    scenario itself, ``only`` a pattern that boundaries must match.
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
        [A, ToyStep("c", fails=True)], "parked", 1, _done("a", "c"), only="flow"
    ),
    "renewal": Scenario(
        [ToyStep("a", renewed=True)],
        "done",
        1,
        _done("a"),
        settings={"expiry": 6.0},
        only="lease",
    ),
    # The conductor gets SIGTERM in its first step, and gives the flow back.
    "suspension": Scenario(
        [A, B],
        "ready",
        1,
        _done("a"),
        base={"flow.a.begin.after#1": TERM},
        only=r"flow\.(write|release)",
    ),
}
# These differ between two runs: the loop may reconcile more or less often.
_UNSTEADY = re.compile(r"loop\.write\.\w+#(?!1$)|other\.|loop\.post_entry\.\w+#(?!1$)")


def boundaries(cloud: Cloud, scenario: Scenario) -> list[str]:
    """All boundaries of a run without faults."""
    trace = cloud.touch("trace")
    process = cloud.start(
        "one", trace=str(trace), faults=scenario.base, settings=scenario.settings
    )
    posted = cloud.post(on_failure=scenario.on_failure)
    with explained(posted):
        wait_until(
            lambda: posted.states == [scenario.end] and posted.story == scenario.story,
            what=f"the undisturbed flow is {scenario.end}",
        )
        process.terminate()
    tidy(cloud)
    found = dict.fromkeys(trace.read_text().splitlines())
    return [
        name
        for name in found
        if not _UNSTEADY.match(name) and re.match(scenario.only, name)
    ]


def crash(cloud: Cloud, scenario: Scenario, boundary: str, other: int) -> None:
    """Kill a conductor at the boundary; a second one, on machine ``other``, finishes.

    The second one sees the flow on the board only after the crash. It is started after
    the crash if the boundary is one that it would pass itself.
    """
    hold = cloud.touch("hold")
    # On the same machine nobody waits for the expiry: the test would time out first.
    expiry = scenario.settings.get("expiry", 3.0 if other else 600.0)
    starting = boundary.startswith("loop.")
    if not starting:
        cloud.start("two", machine=other, hold=str(hold), expiry=expiry)
    posted = cloud.post(on_failure=scenario.on_failure)
    faults = {**scenario.base, boundary: KILL}
    first = cloud.start("one", faults=faults, expiry=expiry)
    with explained(posted):
        wait_until_over(first, f"it is killed at {boundary}")
        assert first.state == "signal 9", first.state
        hold.unlink()
        if starting:
            cloud.start("two", machine=other, expiry=expiry)
        posted.wait(f"the second one finishes after {boundary}", timeout=45)
        ends = {"ready": "done"}
        assert posted.states == [ends.get(scenario.end, scenario.end)]
        posted.check()
    tidy(cloud)


def crash_at_each(
    cloud: Cloud, scenario: Scenario, whole: bool, chance: random.Random
) -> None:
    """Crash at all boundaries, or at a sample of them; report all failures."""
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
    """Wherever the holder is killed, all invariants hold and the flow ends as usual."""
    crash_at_each(make_cloud(board), SCENARIOS[name], whole, chance)


@pytest.mark.parametrize("name", ["park", "renewal", "suspension"])
def test_killed_in(
    name: str,
    board_choice: BoardChoice,
    whole: bool,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """The same while a flow is parked, its claim is renewed, or it is given back."""
    for board in board_choice.all_or_one():
        print(board)
        crash_at_each(make_cloud(board), SCENARIOS[name], whole, chance)


def tidy(cloud: Cloud) -> None:
    """Stop all conductors, and cancel an unfinished job."""
    cloud.stop()
    unfinished = cloud.job_creation.unfinished()
    if unfinished is not None:
        cloud.journal.cancel(unfinished)
