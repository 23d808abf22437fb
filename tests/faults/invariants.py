# SPDX-License-Identifier: Apache-2.0
"""What must hold after every fault: pure functions of a recorded history.

Each returns its breaches, as sentences. They compare two independent records: the
ledger (what really happened) and the events (what the engine's database accepted).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from amphv2_bootstrap.engine.records import Event, FlowRun, FlowState
from tests.faults.ledger import BEGIN, BEGIN_UNDO, Effect

SETTLED = {state.value for state in FlowState} - {"waiting", "running"}
TERMINAL = {state.value for state in FlowState if state.is_terminal}
RAISES_EPOCH = {"claimed", "resumed", "cancelled"}
BY_HOLDER = {"task", "reverting", *SETTLED} - {"cancelled"}
_ENDS = {BEGIN: "end", BEGIN_UNDO: "end-undo"}


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of one job after a test.

    ``posted`` are the ids of the flows that were acknowledged to the poster; ``events``
    are in the order of their numbers.
    """

    posted: Collection[str]
    flow_runs: Sequence[FlowRun]
    events: Sequence[Event]
    effects: Sequence[Effect]

    def events_of(self, flow_run: str) -> list[Event]:
        return [event for event in self.events if event.flow_run_uuid == flow_run]

    def effects_of(self, flow_run: str) -> list[Effect]:
        return [effect for effect in self.effects if effect.flow_run == flow_run]

    @property
    def known(self) -> list[str]:
        """Every flow that was posted or had an effect."""
        seen = [*self.posted, *(effect.flow_run for effect in self.effects)]
        return list(dict.fromkeys(seen))


def lost(history: History) -> Iterator[str]:
    """An acknowledged post is never lost."""
    present = {flow_run.uuid for flow_run in history.flow_runs}
    for uuid in history.posted:
        if uuid not in present:
            yield f"{uuid} was posted and is gone"


def left_open(history: History) -> Iterator[str]:
    """In the end every flow is terminal or parked, or waits for a parked one."""
    parked = any(flow_run.state is FlowState.PARKED for flow_run in history.flow_runs)
    for flow_run in history.flow_runs:
        waits = parked and flow_run.state is FlowState.WAITING
        if not (
            flow_run.state.is_terminal or flow_run.state is FlowState.PARKED or waits
        ):
            yield f"{flow_run.uuid} is left {flow_run.state.value}"


def run_again(history: History) -> Iterator[str]:
    """A step never begins again after the database has accepted its end."""
    for flow_run in history.known:
        done = _completed(history.events_of(flow_run))
        for effect in history.effects_of(flow_run):
            accepted = done.get((effect.verb, effect.step))
            if accepted is not None and effect.epoch > accepted:
                yield (
                    f"{flow_run}: {effect.verb} {effect.step} in epoch {effect.epoch},"
                    f" though completed in epoch {accepted}"
                )


def _completed(events: Sequence[Event]) -> dict[tuple[str, str], int]:
    """The epochs in which the database accepted the end of a step or of its undoing."""
    epoch = 0
    found: dict[tuple[str, str], int] = {}
    for event in events:
        epoch += event.kind in RAISES_EPOCH
        if event.kind == "task" and event.atom is not None:
            if event.message == "SUCCESS":
                found.setdefault((BEGIN, event.atom), epoch)
            elif event.message == "REVERTED":
                found.setdefault((BEGIN_UNDO, event.atom), epoch)
        elif event.kind == "reverting":
            for other in events:
                if other.atom is not None:
                    found.setdefault((BEGIN, other.atom), epoch)
    return found


def run_too_often(history: History) -> Iterator[str]:
    """A takeover repeats at most one step, the interrupted one, and only once."""
    for flow_run in history.known:
        seen: set[tuple[str, str]] = set()
        by_epoch: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for effect in history.effects_of(flow_run):
            if effect.verb in _ENDS:
                by_epoch[effect.epoch].append((effect.verb, effect.step))
        for epoch in sorted(by_epoch):
            begun = by_epoch[epoch]
            for what, count in Counter(begun).items():
                if count > 1:
                    yield f"{flow_run}: {' '.join(what)} {count} times in epoch {epoch}"
            again = seen.intersection(begun)
            if len(again) > 1:
                yield f"{flow_run}: epoch {epoch} ran {sorted(again)} again"
            seen.update(begun)


def begun_when_fenced(history: History) -> Iterator[str]:
    """After a newer holder has begun a step, an older one begins none."""
    for flow_run in history.known:
        newest = 0
        for effect in sorted(
            history.effects_of(flow_run), key=lambda effect: effect.at
        ):
            if effect.verb not in _ENDS:
                continue
            if effect.epoch < newest:
                yield (
                    f"{flow_run}: {effect.verb} {effect.step} in epoch {effect.epoch}"
                    f" after epoch {newest} had begun"
                )
            newest = max(newest, effect.epoch)


def overlapping(history: History) -> Iterator[str]:
    """At most one step of an older holder overlaps the time of a newer one."""
    for flow_run in history.known:
        effects = history.effects_of(flow_run)
        first = {effect.epoch: effect.at for effect in reversed(effects)}
        overlaps = Counter(
            effect.epoch
            for effect in effects
            if effect.verb in _ENDS
            and any(
                epoch > effect.epoch and at < _end(effect, effects)
                for epoch, at in first.items()
            )
        )
        for epoch, count in overlaps.items():
            if count > 1:
                yield f"{flow_run}: {count} steps of epoch {epoch} overlap a later one"


def _end(begin: Effect, effects: Sequence[Effect]) -> float:
    for effect in effects:
        if (
            effect.verb == _ENDS[begin.verb]
            and (effect.step, effect.epoch) == (begin.step, begin.epoch)
            and effect.at >= begin.at
        ):
            return effect.at
    return float("inf")


def written_when_fenced(history: History) -> Iterator[str]:
    """The database accepts writes only from the owner of the newest claim."""
    for flow_run in history.known:
        holder: str | None = None
        for event in history.events_of(flow_run):
            if event.kind == "claimed":
                holder = event.owner
            elif event.kind in RAISES_EPOCH:
                holder = None
            elif event.kind in BY_HOLDER and event.owner != holder:
                yield (
                    f"{flow_run}: {event.kind} {event.atom or ''} {event.message or ''}"
                    f" was written by {event.owner}, while {holder} held the flow"
                )


def turned_back(history: History) -> Iterator[str]:
    """No flow leaves a terminal state, and its row has the state of its last event."""
    for flow_run in history.flow_runs:
        ended: str | None = None
        for event in history.events_of(flow_run.uuid):
            if ended is not None and event.kind not in (ended, "refused"):
                then = f"{event.kind} {event.message or ''}"
                yield f"{flow_run.uuid} was {ended}, then {then}"
            if event.kind in TERMINAL:
                ended = event.kind
        if ended is not None and flow_run.state.value != ended:
            yield f"{flow_run.uuid} was {ended} and is {flow_run.state.value}"


def unordered(history: History) -> Iterator[str]:
    """The accepted states of a step never go back after its end."""
    for flow_run in history.known:
        ends: dict[str, str] = {}
        for event in history.events_of(flow_run):
            if event.kind != "task" or event.atom is None:
                continue
            before, now = ends.get(event.atom), event.message or ""
            if before == "SUCCESS" and now in ("PENDING", "RUNNING", "FAILURE"):
                yield f"{flow_run}: {event.atom} went from SUCCESS to {now}"
            if before == "REVERTED" and now != "REVERTED":
                yield f"{flow_run}: {event.atom} went from REVERTED to {now}"
            ends[event.atom] = now


def written_again(history: History) -> Iterator[str]:
    """Under one claim, each state of a step and the end of the flow is written once."""
    for flow_run in history.known:
        written: Counter[tuple[str, str | None, str | None]] = Counter()
        for event in history.events_of(flow_run):
            if event.kind in RAISES_EPOCH:
                written.clear()
            elif event.kind in BY_HOLDER:
                step = event.message if event.kind == "task" else None
                written[event.kind, event.atom, step] += 1
                if written[event.kind, event.atom, step] == 2:
                    what = f"{event.kind} {event.atom or ''} {step or ''}"
                    yield f"{flow_run}: {what} again"


Invariant = Callable[[History], Iterator[str]]
ALL: tuple[Invariant, ...] = (
    lost,
    left_open,
    run_again,
    run_too_often,
    begun_when_fenced,
    overlapping,
    written_when_fenced,
    turned_back,
    unordered,
    written_again,
)


def breaches(history: History, *, without: Collection[Invariant] = ()) -> list[str]:
    """All breaches, each after the sentence of its invariant."""
    return [
        f"{(invariant.__doc__ or '').splitlines()[0]} -- {found}"
        for invariant in ALL
        if invariant not in without
        for found in invariant(history)
    ]


def takeovers(history: History) -> int:
    """The number of claims of flows that the last holder had not given back."""
    return sum(
        event.kind == "claimed" and event.message is not None
        for event in history.events
    )
