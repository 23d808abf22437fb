# SPDX-License-Identifier: Apache-2.0
"""A canary through Octavia's jobboard, and what its end means.

The programs themselves are in :mod:`programs`; this is where their words
become ours.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amphv2_bootstrap.adapters.octavia import program_runner
from amphv2_bootstrap.adapters.octavia.diagnosis import verdict
from amphv2_bootstrap.adapters.octavia.program_runner import Told
from amphv2_bootstrap.spec.masking import NOTHING_SECRET, Masker

_CANARY_SECONDS = 120.0
_DRILL_SECONDS = 240.0
"""Start, patience and end of a drill; its claims' expiration comes on top."""


@dataclass(frozen=True, slots=True)
class Proof:
    """All links hold. ``notes`` are full sentences for the operator.

    ``claim_seconds`` is how long the first owner's claim was to last, and
    ``takeover_seconds`` when the second one got it, from the same moment on.
    """

    links: tuple[str, ...]
    revision: str
    claim_seconds: float
    takeover_seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drilled:
    """Another conductor went on after so many seconds.

    ``expiration_seconds`` is Octavia's jobboard_expiration_time; with ZooKeeper
    the timeout of its client's session.
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
    timeout: float = _CANARY_SECONDS,
    now: float | None = None,
) -> Proof:
    """Post, claim, let expire, take over, run and consume a job as Octavia would.

    On a scratch namespace beside Octavia's, and with rows of its own in the
    persistence database; nothing of it is left. Safe to run at any time, and
    several times at once.

    :param python: the interpreter that runs Octavia here.
    :param sources: Octavia's own files, and what shall come on top of them.
    :param masker: masks errors; the secrets in the sources are masked besides.
    :param timeout: seconds for all of it.
    :param now: the time since the epoch, for finding what killed runs left.
    :raises UnprovenError: a scratch namespace isn't allowed.
    :raises PermanentError: a link is broken; the message says which.
    :raises TransientError: a server is away, or it took too long.
    :raises CancelledError: ``cancelled`` was set.
    """
    told = program_runner.run(
        python,
        "canary",
        sources,
        timeout=timeout,
        masker=masker,
        cancelled=cancelled,
        now=now,
    )
    facts = _facts(told, python, sources)
    return Proof(
        links=told.links,
        revision=str(facts["revision"]),
        claim_seconds=float(facts["claim_seconds"]),
        takeover_seconds=float(facts["takeover_seconds"]),
        notes=told.notes,
    )


def drill(
    python: str,
    sources: Sequence[str],
    *,
    expiration: float,
    masker: Masker = NOTHING_SECRET,
    cancelled: threading.Event | None = None,
    progress: Callable[[str], None] | None = None,
) -> Drilled:
    """Kill one of two conductors of Octavia in a flow; see when the other goes on.

    Cleanliness, parameters and errors are those of :func:`prove`.

    :param expiration: Octavia's jobboard_expiration_time; it may take as long.
    :param progress: called with a text now and then, from another thread.
    """
    told = program_runner.run(
        python,
        "drill",
        sources,
        timeout=expiration + _DRILL_SECONDS,
        masker=masker,
        cancelled=cancelled,
        progress=progress,
    )
    facts = _facts(told, python, sources)
    return Drilled(
        takeover_seconds=float(facts["takeover_seconds"]),
        expiration_seconds=float(facts["expiration_seconds"]),
        notes=told.notes,
    )


def _facts(told: Told, python: str, files: Sequence[str]) -> "program_runner.Facts":
    if told.facts is None:
        raise verdict(told, python, files)
    return told.facts
