# SPDX-License-Identifier: Apache-2.0
"""The turns of flows: which flows of a job may begin, and why the others wait.

A stage begins when the one before has passed. With a limit, only so many of its flows
are under way at once; nothing begins while one of them is parked; and a flow of a host
without a living conductor leaves its turn to others.
"""

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from amphv2_bootstrap.engine.records import PASSED, FlowRun, FlowState

Runs = tuple[FlowRun, ...]
_UNDER_WAY = (FlowState.READY, FlowState.RUNNING, FlowState.PARKED)


@dataclass(frozen=True, slots=True)
class Due:
    """What follows from the states of a job's flows, and hasn't been done yet.

    ``release`` become ready, ``hold`` wait again, ``cancel`` can't begin any more;
    ``close``: the job has ended.
    """

    release: Runs = ()
    hold: Runs = ()
    cancel: Runs = ()
    close: bool = False

    def __bool__(self) -> bool:
        return bool(self.release or self.hold or self.cancel or self.close)


def due(runs: Sequence[FlowRun], hosts: Collection[str], *, paused: bool) -> Due:
    """What follows for an unfinished job.

    :param runs: all of the job.
    :param hosts: where a conductor is alive.
    """
    doomed = _doomed(runs)
    left = [run for run in runs if run not in doomed]
    if all(run.state.is_terminal for run in left):
        return Due(cancel=doomed, close=True)
    if paused:
        ready = (run for run in left if run.state is FlowState.READY)
        return Due(hold=tuple(ready), cancel=doomed)
    return replace(turns(_first_open(left), hosts), cancel=doomed)


def turns(members: Sequence[FlowRun], hosts: Collection[str]) -> Due:
    """Which flows of a stage begin now, and which of them give up their turn.

    :param members: all flows of the stage, which may begin.
    """
    waiting = [run for run in members if run.state is FlowState.WAITING]
    limit = _limit(members)
    if limit is None:
        return Due(release=tuple(waiting))
    begun = [run for run in waiting if run.is_begun]
    unclaimed = [run for run in members if _is_unclaimed(run)]
    if _parked(members):
        return Due(tuple(begun), tuple(unclaimed))
    able = [run for run in waiting if not run.is_begun and _is_able(run, hosts)]
    room = limit - sum(_is_under_way(run) for run in members)
    absent = [run for run in unclaimed if not _is_able(run, hosts)]
    begin = able[: max(room + len(absent), 0)]
    # First those that can't begin; then the last ones, if an older version released
    # more than the limit.
    givers = [*absent, *reversed([run for run in unclaimed if run not in absent])]
    return Due((*begun, *begin), tuple(givers[: max(len(begin) - room, 0)]))


def may_begin(run: FlowRun, runs: Sequence[FlowRun], *, paused: bool) -> bool:
    """Whether a ready flow that was claimed may begin; who released it is not trusted.

    :param runs: all of the job.
    """
    if run.at_once is None or run.is_begun:
        return True
    others = [other for other in runs if other.stage == run.stage and other != run]
    begun = sum(other.is_begun for other in others)
    return not paused and begun < run.at_once and not _parked(others)


class Cause(enum.Enum):
    """Why a flow waits."""

    PAUSE = "the operator has paused the job"
    STAGE = "an earlier stage hasn't passed"
    PARKED = "a flow of its stage is parked"
    ABSENT = "no conductor is alive on its host"
    LIMIT = "as many as may be are under way"
    RELEASE = "a conductor has to release it"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a flow waits, and for which others, if for any."""

    cause: Cause
    flows: Runs = ()


def obstacle(
    run: FlowRun, runs: Sequence[FlowRun], hosts: Collection[str], *, paused: bool
) -> Obstacle:
    """What keeps a waiting flow of an unfinished job from its beginning.

    :param runs: all of the job.
    :param hosts: where a conductor is alive.
    """
    if paused:
        return Obstacle(Cause.PAUSE)
    earlier = [o for o in runs if o.stage < run.stage and o.state not in PASSED]
    if earlier:
        first = min(other.stage for other in earlier)
        return Obstacle(Cause.STAGE, tuple(o for o in earlier if o.stage == first))
    if run.at_once is None or run.is_begun:
        return Obstacle(Cause.RELEASE)
    members = [other for other in runs if other.stage == run.stage and other != run]
    if parked := _parked(members):
        return Obstacle(Cause.PARKED, tuple(parked))
    if not _is_able(run, hosts):
        return Obstacle(Cause.ABSENT)
    out = [o for o in members if _is_under_way(o) and _is_in_the_way(o, hosts)]
    if len(out) >= run.at_once:
        return Obstacle(Cause.LIMIT, tuple(out))
    return Obstacle(Cause.RELEASE)


def _is_in_the_way(run: FlowRun, hosts: Collection[str]) -> bool:
    """Whether it keeps its turn, though its host may be away."""
    return not _is_unclaimed(run) or _is_able(run, hosts)


def _doomed(runs: Sequence[FlowRun]) -> Runs:
    """The waiting flows that can't begin any more."""
    is_reverted = any(run.state is FlowState.REVERTED for run in runs)
    cancelled = [run.stage for run in runs if run.state is FlowState.CANCELLED]
    first = min(cancelled, default=None)
    return tuple(
        run
        for run in runs
        if run.state is FlowState.WAITING
        and (is_reverted or (first is not None and first < run.stage))
    )


def _first_open(runs: Sequence[FlowRun]) -> list[FlowRun]:
    """The flows of the first stage that hasn't passed; those after it wait for it."""
    first = min(run.stage for run in runs if run.state not in PASSED)
    return [run for run in runs if run.stage == first]


def _limit(members: Sequence[FlowRun]) -> int | None:
    return min(
        (run.at_once for run in members if run.at_once is not None), default=None
    )


def _parked(members: Sequence[FlowRun]) -> list[FlowRun]:
    return [run for run in members if run.state is FlowState.PARKED]


def _is_unclaimed(run: FlowRun) -> bool:
    """Whether it was released, and no step of it has run."""
    return run.state is FlowState.READY and not run.is_begun


def _is_under_way(run: FlowRun) -> bool:
    """Whether its host counts as out."""
    return run.state in _UNDER_WAY or run.is_begun


def _is_able(run: FlowRun, hosts: Collection[str]) -> bool:
    """Whether a conductor is there that could carry it out."""
    return run.host is None or run.host in hosts
