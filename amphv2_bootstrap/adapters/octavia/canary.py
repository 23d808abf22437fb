# SPDX-License-Identifier: Apache-2.0
"""Runs what :mod:`programs` do on Octavia's jobboard; their errors become ours."""

import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from amphv2_bootstrap.adapters.host.commands import Started
from amphv2_bootstrap.adapters.octavia import program_runner
from amphv2_bootstrap.adapters.octavia.diagnosis import verdict
from amphv2_bootstrap.adapters.octavia.program_runner import Facts, Result
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.spec.masking import NOTHING_SECRET, Masker

CANARY_SECONDS = 120.0
_FRESH_SECONDS = 60.0
"""Octavia's libraries may be upgraded at any time, and are not that soon."""

_keeper = ThreadPoolExecutor(max_workers=1)
"""A program dies with the thread that started it: this one lives as long as we do."""

_LIST_SECONDS = 60.0
_DRILL_SECONDS = 240.0
"""For start and end of a drill, in addition to the expiration of its claims."""


@dataclass(frozen=True, slots=True)
class Proof:
    """All links hold. ``notes`` are full sentences for the operator.

    The first owner claimed the job for ``claim_seconds``. The second one got the claim
    ``takeover_seconds`` after the first. ``shown`` says with what the claim of a dead
    owner expired; it is empty if that isn't sure, or if the first owner gave its claim
    back.
    """

    links: tuple[str, ...]
    revision: str
    claim_seconds: float
    takeover_seconds: float
    notes: tuple[str, ...] = ()
    shown: Mapping[str, str] = field(default_factory=dict)


class HeadStart:
    """A canary that imports Octavia's libraries while its caller does other things.

    It knows nothing of the configuration yet. One that isn't taken ends by itself after
    a while, and is killed with the last reference to this and with this process.
    Several threads may use it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._what: tuple[str, str | None] = ("", None)
        self._began = 0.0
        self._kill: weakref.finalize[[], HeadStart] | None = None
        self._started: Started | None = None

    def give(self, python: str, user: str | None = None) -> None:
        """Start one, unless there is one; its errors are found when it is used."""
        with self._lock, contextlib.suppress(BootstrapError):
            if self._is_fresh(python, user):
                return
            self.drop()
            start = _keeper.submit(program_runner.start, python, "canary", user)
            self._started = started = start.result()
            self._kill = weakref.finalize(self, started.kill)
            self._what, self._began = (python, user), time.monotonic()

    def take(self, python: str, user: str | None = None) -> Started | None:
        """The one that was started; None if there is none of use."""
        with self._lock:
            if not self._is_fresh(python, user):
                self.drop()
                return None
            started, self._started = self._started, None
            if self._kill:
                self._kill.detach()
            return started

    def drop(self) -> None:
        """Kill it: a library has changed, say."""
        with self._lock:
            self._started = None
            if self._kill:
                self._kill()

    def _is_fresh(self, python: str, user: str | None) -> bool:
        age = time.monotonic() - self._began
        is_wanted = self._what == (python, user) and age < _FRESH_SECONDS
        return is_wanted and self._started is not None and self._started.is_running


@dataclass(frozen=True, slots=True)
class Drilled:
    """A different conductor continued the flow after ``takeover_seconds``.

    ``expiration_seconds`` is Octavia's jobboard_expiration_time; with ZooKeeper, the
    timeout of its client's session.
    """

    takeover_seconds: float
    expiration_seconds: float
    notes: tuple[str, ...] = ()


def prove(
    python: str,
    sources: Sequence[str],
    *,
    masker: Masker = NOTHING_SECRET,
    cancelled: threading.Event | None = None,
    timeout: float = CANARY_SECONDS,
    now: float | None = None,
    shown: Mapping[str, str] | None = None,
    started: Started | None = None,
    user: str | None = None,
) -> Proof:
    """Post, claim, let expire, take over, run and consume a job as Octavia would.

    Uses a scratch namespace beside Octavia's and its own rows in the persistence
    database, and removes both. Safe to run at any time, and several times at once.

    :param python: the interpreter that runs Octavia here.
    :param sources: Octavia's own files, then files that override them.
    :param masker: masks errors; secrets in the sources are masked too.
    :param timeout: seconds for the whole canary.
    :param now: seconds since the epoch; remains of older runs are removed.
    :param shown: an earlier proof's. If this canary runs with the same, its first owner
        gives the claim back, and nothing expires.
    :param started: of a :class:`HeadStart`.
    :param user: runs it as that user; None as this process.
    :raises UnprovenError: the servers refuse a scratch namespace.
    :raises PermanentError: a link is broken; the message names it.
    :raises TransientError: a server is unreachable, or the canary took too long.
    :raises CancelledError: ``cancelled`` was set.
    """
    result = program_runner.run(
        python,
        "canary",
        sources,
        timeout=timeout,
        masker=masker,
        cancelled=cancelled,
        now=now,
        shown=shown,
        started=started,
        user=user,
    )
    facts = _facts(result, python, sources)
    return Proof(
        links=result.links,
        revision=str(facts["revision"]),
        claim_seconds=float(facts["claim_seconds"]),
        takeover_seconds=float(facts["takeover_seconds"]),
        notes=result.notes,
        shown=facts["shown"],
    )


def drill(
    python: str,
    sources: Sequence[str],
    *,
    expiration: float,
    masker: Masker = NOTHING_SECRET,
    cancelled: threading.Event | None = None,
    progress: Callable[[str], None] | None = None,
    user: str | None = None,
) -> Drilled:
    """Kill one of two conductors of Octavia in a flow, and wait for the other.

    Clean-up, parameters and errors are those of :func:`prove`.

    :param expiration: Octavia's jobboard_expiration_time; the drill takes as long.
    :param progress: called from a thread with a text every few seconds.
    """
    result = program_runner.run(
        python,
        "drill",
        sources,
        timeout=expiration + _DRILL_SECONDS,
        masker=masker,
        cancelled=cancelled,
        progress=progress,
        user=user,
    )
    facts = _facts(result, python, sources)
    return Drilled(
        takeover_seconds=float(facts["takeover_seconds"]),
        expiration_seconds=float(facts["expiration_seconds"]),
        notes=result.notes,
    )


def waiting_jobs(
    python: str,
    sources: Sequence[str],
    *,
    masker: Masker = NOTHING_SECRET,
    cancelled: threading.Event | None = None,
) -> tuple[str, ...]:
    """Name and id of each job on Octavia's own jobboard, at most 50; changes none.

    Parameters and errors are those of :func:`prove`.
    """
    facts = _waiting(python, sources, masker, cancelled)
    return tuple(map(str, facts["jobs"]))


@dataclass(frozen=True, slots=True)
class BoardJob:
    """A job on Octavia's jobboard; ``owner`` is empty while nobody claims it.

    ``seconds`` is the age of its claim, None where the jobboard doesn't tell it.
    """

    name: str
    owner: str = ""
    seconds: float | None = None

    def __str__(self) -> str:
        if not self.owner:
            return f"{self.name}, unclaimed"
        age = "" if self.seconds is None else f" for {self.seconds:.0f} s"
        return f"{self.name}, claimed by {self.owner}{age}"


def jobs_of_load_balancers(
    python: str,
    sources: Sequence[str],
    *,
    masker: Masker = NOTHING_SECRET,
    cancelled: threading.Event | None = None,
) -> dict[str, BoardJob]:
    """By the id of its load balancer, each job on Octavia's own jobboard.

    Changes none. Parameters and errors are those of :func:`waiting_jobs`.
    """
    facts = _waiting(python, sources, masker, cancelled)
    return {
        one: BoardJob(found["job"], found["owner"], found["seconds"])
        for one, found in facts["load_balancers"].items()
    }


def _waiting(
    python: str,
    sources: Sequence[str],
    masker: Masker,
    cancelled: threading.Event | None,
) -> Facts:
    result = program_runner.run(
        python,
        "waiting",
        sources,
        timeout=_LIST_SECONDS,
        masker=masker,
        cancelled=cancelled,
    )
    return _facts(result, python, sources)


@dataclass(frozen=True, slots=True)
class Leftover:
    """A posting on Octavia's jobboard that its conductors can't carry out.

    ``is_malformed``: taskflow can't read it; otherwise its logbook isn't in the
    database. ``why`` is a clause, ``removal`` the command that removes the posting.
    """

    name: str
    why: str
    is_malformed: bool
    removal: str


def leftovers(
    python: str,
    sources: Sequence[str],
    *,
    masker: Masker = NOTHING_SECRET,
    cancelled: threading.Event | None = None,
) -> tuple[Leftover, ...]:
    """At most 50 on Octavia's own jobboard; changes none.

    Parameters and errors are those of :func:`prove`.
    """
    result = program_runner.run(
        python,
        "leftovers",
        sources,
        timeout=_LIST_SECONDS,
        masker=masker,
        cancelled=cancelled,
    )
    return tuple(
        Leftover(one["name"], one["why"], one["kind"] == "malformed", one["remove"])
        for one in _facts(result, python, sources)["flaws"]
    )


def _facts(result: Result, python: str, files: Sequence[str]) -> Facts:
    if result.facts is None:
        raise verdict(result, python, files)
    return result.facts
