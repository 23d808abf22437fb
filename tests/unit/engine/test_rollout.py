# SPDX-License-Identifier: Apache-2.0
"""The turns of flows."""

import dataclasses
from collections.abc import Iterator

import pytest

from amphv2_bootstrap.engine.records import FlowRun, FlowState
from amphv2_bootstrap.engine.rollout import Due, due, may_begin, turns
from tests.unit.engine.flow_runs import flow_run

_MARKS = {
    "w": (FlowState.WAITING, False),
    "W": (FlowState.WAITING, True),  # begun, then given back during a pause
    "r": (FlowState.READY, False),
    "R": (FlowState.READY, True),
    "x": (FlowState.RUNNING, True),
    "p": (FlowState.PARKED, True),
    "d": (FlowState.DONE, True),
    "s": (FlowState.SKIPPED, False),
    "v": (FlowState.REVERTED, True),
    "c": (FlowState.CANCELLED, True),
}


def _runs(marks: str, at_once: int | None = None) -> Iterator[FlowRun]:
    """One flow a letter, on the hosts a, b, c ...; a blank begins the next stage."""
    stage = sequence = 0
    for mark in marks:
        if mark == " ":
            stage += 1
            continue
        state, is_begun = _MARKS[mark]
        host = "abcdefgh"[sequence]
        sequence += 1
        yield flow_run(
            sequence=sequence,
            uuid=f"run-{host}",
            flow="controller",
            stage=stage,
            host=host,
            state=state,
            started_at=1.0 if is_begun else None,
            at_once=at_once,
        )


def _hosts(runs: tuple[FlowRun, ...]) -> str:
    return "".join(str(run.host) for run in runs)


def _turns(marks: str, at_once: int | None, alive: str) -> tuple[str, str]:
    """The hosts of the flows that are released, and held."""
    found = turns(list(_runs(marks, at_once)), alive)
    return _hosts(found.release), _hosts(found.hold)


@pytest.mark.parametrize(
    ("marks", "at_once", "alive", "released", "held"),
    [
        ("www", 1, "abc", "a", ""),
        ("www", 2, "abc", "ab", ""),
        ("www", None, "", "abc", ""),
        ("www", 9, "abc", "abc", ""),
        ("dww", 1, "abc", "b", ""),
        ("sww", 1, "abc", "b", ""),
        ("cww", 1, "abc", "b", ""),
        ("xww", 1, "abc", "", ""),
        ("xww", 2, "abc", "b", ""),
        ("rww", 1, "abc", "", ""),
        ("Rww", 1, "abc", "", ""),
        # Hosts that are alive go first, and the absent one when it is back.
        ("www", 1, "bc", "b", ""),
        ("wdd", 1, "bc", "", ""),
        ("wdd", 1, "abc", "a", ""),
        ("www", 1, "", "", ""),
        # Released, never claimed, and its host is away now: it gives up its turn.
        ("rww", 1, "bc", "b", "a"),
        ("rdd", 1, "bc", "", ""),
        ("rrw", 2, "c", "c", "a"),
        # A begun one keeps its place: its Octavia may be out.
        ("xww", 1, "bc", "", ""),
        ("Rww", 1, "bc", "", ""),
        ("Www", 1, "abc", "a", ""),
        ("Www", 1, "bc", "a", ""),
        # A failure stops it: what hasn't begun waits.
        ("pww", 1, "abc", "", ""),
        ("pww", 2, "abc", "", ""),
        ("prw", 2, "abc", "", "b"),
        ("pxw", 3, "abc", "", ""),
        ("pWw", 3, "abc", "b", ""),
        # Somebody released more than the limit.
        ("rrr", 1, "abc", "", "cb"),
        ("xrr", 1, "abc", "", "cb"),
        ("rrw", 1, "c", "c", "ab"),
    ],
)
def test_turns(
    marks: str, at_once: int | None, alive: str, released: str, held: str
) -> None:
    """As many begin as the limit leaves room for, those that are alive first."""
    assert _turns(marks, at_once, alive) == (released, held)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_never_more_than_the_limit(at_once: int) -> None:
    """From all states that three flows may have, and then nothing is left to do."""
    letters = "wrRxpds"
    for marks in (a + b + c for a in letters for b in letters for c in letters):
        for alive in ("", "a", "bc", "abc"):
            runs = list(_runs(marks, at_once))
            found = turns(runs, alive)
            after = _applied(runs, found)
            out = sum(run.is_begun or run.state is FlowState.READY for run in after)
            begun = sum(run.is_begun for run in runs)
            assert out <= max(at_once, begun), (marks, alive)
            assert not turns(after, alive), (marks, alive)


def _applied(runs: list[FlowRun], found: Due) -> list[FlowRun]:
    states = {run.uuid: FlowState.READY for run in found.release}
    states |= {run.uuid: FlowState.WAITING for run in found.hold}
    return [
        dataclasses.replace(run, state=states.get(run.uuid, run.state)) for run in runs
    ]


@pytest.mark.parametrize(
    ("marks", "released", "held", "cancelled", "closed"),
    [
        ("dd w", "c", "", "", False),
        ("ds w", "c", "", "", False),
        ("dx w", "", "", "", False),
        ("dp w", "", "", "", False),
        ("dc w", "", "", "c", True),
        ("xc w", "", "", "c", False),
        ("d cww", "c", "", "", False),
        ("d vww", "", "", "cd", True),
        ("d xvw", "", "", "d", False),
        ("d ddd", "", "", "", True),
        ("d dsc", "", "", "", True),
        ("d dsp", "", "", "", False),
    ],
)
def test_what_follows_for_a_job(
    marks: str, released: str, held: str, cancelled: str, closed: bool
) -> None:
    """What can't begin any more is cancelled; one cancelled host stops no other."""
    found = due(list(_runs(marks, 1)), "abcdefgh", paused=False)
    assert _hosts(found.release) == released
    assert _hosts(found.hold) == held
    assert _hosts(found.cancel) == cancelled
    assert found.close is closed


@pytest.mark.parametrize(
    ("marks", "held", "closed"),
    [("d rRw", "bc", False), ("d xww", "", False), ("w", "", False), ("d d", "", True)],
)
def test_nothing_begins_in_a_pause(marks: str, held: str, closed: bool) -> None:
    """What runs goes on; what was given back, or not claimed, waits again."""
    found = due(list(_runs(marks, 1)), "abcdefgh", paused=True)
    assert found.release == ()
    assert _hosts(found.hold) == held
    assert found.close is closed


@pytest.mark.parametrize(
    ("marks", "at_once", "paused", "allowed"),
    [
        ("rrr", 1, False, True),
        ("rxw", 1, False, False),
        ("rxw", 2, False, True),
        ("rWw", 1, False, False),
        ("rpw", 2, False, False),
        ("rdd", 1, False, True),
        ("rdd", 1, True, False),
        ("Rxx", 1, False, True),
        ("xxx", 1, True, True),
        ("rxx", None, True, True),
    ],
)
def test_who_was_released_out_of_turn_may_not_begin(
    marks: str, at_once: int | None, paused: bool, allowed: bool
) -> None:
    """An older version's conductor, or an attacker, releases all flows at once."""
    runs = list(_runs(marks, at_once))
    assert may_begin(runs[0], runs, paused=paused) is allowed
