# SPDX-License-Identifier: Apache-2.0
"""Each invariant finds its breach, and none is found in a sound history."""

from collections.abc import Sequence

import pytest

from amphv2_bootstrap.engine.records import Event, FlowState
from tests.faults import invariants
from tests.faults.invariants import History, Invariant, breaches, takeovers
from tests.faults.ledger import Effect
from tests.unit.engine.flow_runs import flow_run

FLOW = "j"


def history(events: str, effects: str, state: str = "done") -> History:
    """A history of one flow, from lists that are separated by commas.

    Events are ``OWNER KIND`` or ``OWNER STEP=STATE``, effects are ``EPOCH VERB STEP``;
    the time of an effect is its place in the list.
    """
    return History(
        posted=[FLOW],
        flow_runs=[flow_run(uuid=FLOW, job_uuid="b", state=FlowState(state))],
        events=[_event(text) for text in _split(events)],
        effects=[_effect(at, text) for at, text in enumerate(_split(effects))],
    )


def _split(text: str) -> Sequence[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _event(text: str) -> Event:
    owner, what = text.split(" ", 1)
    if "=" in what:
        atom, state = what.split("=")
        return Event(0.0, "task", owner, FLOW, atom, state)
    kind, _, message = what.partition(" ")
    return Event(0.0, kind, owner, FLOW, None, message or None)


def _effect(at: float, text: str) -> Effect:
    epoch, verb, step = text.split(" ")
    return Effect(verb, FLOW, step, int(epoch), f"o{epoch}", at)


TAKEN_OVER = "A claimed, A a=RUNNING, A a=SUCCESS, A b=RUNNING, B claimed from A,"
SOUND = {
    "undisturbed": history(
        "A claimed, A a=RUNNING, A a=SUCCESS, A done", "1 begin a, 1 end a"
    ),
    "taken over in mid-step, and the old holder woke up": history(
        f"{TAKEN_OVER} B b=PENDING, B b=RUNNING, B b=SUCCESS, B done",
        "1 begin a, 1 end a, 1 begin b, 2 begin b, 1 end b, 2 end b",
    ),
    "reverted after a crash in an undoing": history(
        "A claimed, A a=SUCCESS, A b=FAILURE, A reverting, A a=REVERTING,"
        "B claimed from A, B a=SUCCESS, B a=REVERTING, B a=REVERTED, B reverted",
        "1 begin a, 1 end a, 1 begin b, 1 end b, 1 begin-undo a, 2 begin-undo a,"
        "2 end-undo a",
        "reverted",
    ),
    "parked, resumed, done": history(
        "A claimed, A a=FAILURE, A parked, O resumed, B claimed, B a=SUCCESS, B done",
        "1 begin a, 1 end a, 3 begin a, 3 end a",
    ),
}
BREACHES: tuple[tuple[Invariant, History], ...] = (
    (invariants.lost, History([FLOW], [], [], [])),
    (invariants.left_open, history("A claimed", "", "running")),
    (
        invariants.run_again,
        history("A claimed, A a=SUCCESS, B claimed from A", "1 begin a, 2 begin a"),
    ),
    (
        invariants.run_again,
        history(
            "A claimed, A a=REVERTED, B claimed from A",
            "1 begin-undo a, 1 end-undo a, 2 begin-undo a",
        ),
    ),
    (
        invariants.run_again,
        history(
            "A claimed, A a=FAILURE, A reverting, B claimed from A",
            "1 begin a, 1 end a, 2 begin a",
        ),
    ),
    (
        invariants.run_too_often,
        history(
            "A claimed, B claimed from A",
            "1 begin a, 1 end a, 1 begin b, 2 begin a, 2 begin b",
        ),
    ),
    (invariants.run_too_often, history("A claimed", "1 begin a, 1 begin a")),
    (
        invariants.begun_when_fenced,
        history("A claimed, B claimed from A", "1 begin a, 2 begin a, 1 begin b"),
    ),
    (
        invariants.overlapping,
        history(
            "A claimed, B claimed from A",
            "1 begin a, 1 begin b, 2 begin a, 1 end a, 1 end b",
        ),
    ),
    (
        invariants.written_when_fenced,
        history("A claimed, B claimed from A, A a=SUCCESS", ""),
    ),
    (invariants.written_when_fenced, history("A claimed, O cancelled, A done", "")),
    (invariants.turned_back, history("A claimed, A done, B claimed", "")),
    (invariants.turned_back, history("A claimed, A done", "", "running")),
    (invariants.turned_back, history("A claimed, A done, A reverted", "")),
    (invariants.unordered, history("A claimed, A a=SUCCESS, A a=RUNNING", "")),
    (invariants.unordered, history("A claimed, A a=REVERTED, A a=SUCCESS", "")),
    (invariants.written_again, history("A claimed, A a=RUNNING, A a=RUNNING", "")),
    (invariants.written_again, history("A claimed, A reverting, A reverting", "")),
    (invariants.written_again, history("A claimed, A done, A done", "")),
)


@pytest.mark.parametrize("name", SOUND)
def test_sound(name: str) -> None:
    """A sound history has no breach."""
    assert breaches(SOUND[name]) == []


@pytest.mark.parametrize(("invariant", "found"), BREACHES)
def test_breach(invariant: Invariant, found: History) -> None:
    """Each invariant finds its breach, and ``breaches`` reports it."""
    assert list(invariant(found))
    assert any(
        text.startswith(str(invariant.__doc__).splitlines()[0])
        for text in breaches(found)
    )


def test_every_invariant_has_a_breach() -> None:
    """Every invariant is proven to be able to fail."""
    assert {invariant for invariant, _ in BREACHES} == set(invariants.ALL)


def test_takeovers_are_counted() -> None:
    """A claim is a takeover only if the last holder had not given the flow back."""
    assert takeovers(SOUND["parked, resumed, done"]) == 0
    assert takeovers(SOUND["taken over in mid-step, and the old holder woke up"]) == 1
