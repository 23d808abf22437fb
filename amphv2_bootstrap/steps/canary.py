# SPDX-License-Identifier: Apache-2.0
"""The canary through Octavia's jobboard, as steps and checks run it."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.key_value import sentinel_order
from amphv2_bootstrap.adapters.key_value.sentinel_order import Silence
from amphv2_bootstrap.adapters.octavia import canary as octavia_canary
from amphv2_bootstrap.adapters.octavia import (
    config_sources,
    db_manage,
    introspection,
)
from amphv2_bootstrap.adapters.octavia.canary import Proof
from amphv2_bootstrap.adapters.octavia.diagnosis import UnprovenError
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of, is_command
from amphv2_bootstrap.adapters.octavia.programs.options import are_partly_inside
from amphv2_bootstrap.adapters.octavia.service_user import service_user
from amphv2_bootstrap.errors import TransientError
from amphv2_bootstrap.steps.base import (
    NOT_APPLICABLE,
    UNCHANGED,
    Context,
    Seen,
    StepResult,
)
from amphv2_bootstrap.steps.wanted_options import wanted_options

EXPIRY = "expiry"
"""The link that a canary with something shown omits."""

_AT = "at"
_RECENT = 3600.0
"""Seconds: what was shown before may have been shown by other servers."""


def loaded(context: Context) -> tuple[str, ...]:
    """The files and folders from which Octavia loads its configuration here."""
    return config_sources.sources(context.host, interpreter_of(context.host))


@contextlib.contextmanager
def with_wanted(context: Context) -> Iterator[tuple[str, ...]]:
    """What :func:`loaded` has, and a private file with all that is wanted as the last.

    It exists within the block; what killed runs left is removed before.

    :raises PermanentError: it can't be written.
    """
    folder = Path(context.host.state_path)
    db_manage.remove_orphans(folder)
    with db_manage.options_overlay(folder, wanted_options(context)) as overlay:
        yield (*loaded(context), str(overlay))


def loaded_by_table(context: Context) -> introspection.TaskFlow:
    """``[task_flow]`` as the newest Octavia loads it: fast, without Octavia's Python.

    That is needed where a container alone has some of the files.
    """
    sources = loaded(context)
    inside = interpreter_of(context.host) if are_partly_inside(sources) else None
    return introspection.load_task_flow(inside, sources)


def distinct(context: Context) -> tuple[Context, ...]:
    """The context of each octavia.conf that loads another ``[task_flow]``.

    A canary with one of two that load the same would prove nothing more.

    :raises PermanentError: a file can't be loaded, or Octavia's Python not run.
    """
    contexts = context.of_each_file()
    if len(contexts) == 1:
        return contexts
    python = interpreter_of(context.host)
    known: list[Mapping[str, Any]] = []
    found = []
    for one in contexts:
        values = introspection.load_task_flow(python, loaded(one)).values
        if values not in known:
            known.append(values)
            found.append(one)
    return tuple(found)


class Obstacle(NamedTuple):
    """Why no canary can run (a clause), and what to do (a full sentence)."""

    why: str
    todo: str


def obstacle(context: Context) -> Obstacle | None:
    """Why no canary can run here; None if one can."""
    if context.spec.persistence.is_sqlite:
        return Obstacle(
            "with SQLite no other controller can take over",
            "Name a database server in persistence_connection.",
        )
    if interpreter_of(context.host) is None:
        return Obstacle(
            "Octavia's Python isn't on this host",
            "Set [octavia] python, or run 'amphv2-bootstrap verify' on a controller "
            "that has it.",
        )
    return None


def prepare(context: Context) -> None:
    """Let a canary import Octavia's libraries while other things are done."""
    python = interpreter_of(context.host)
    if python and obstacle(context) is None:
        with contextlib.suppress(TransientError):  # the proof itself asks again
            context.head_start.give(python, prover(context, python))


def prover(context: Context, python: str, systemd: Systemd | None = None) -> str | None:
    """The user that runs Octavia's services, so that what proves runs as it.

    None where that isn't known, and in a container, which has its own user.

    :raises TransientError: systemd doesn't answer.
    """
    return None if is_command(python) else service_user(context.host, systemd)


def foreseen(context: Context) -> Seen:
    """What a step sees that sends a job; ``unseen`` is empty where it can't."""
    found = obstacle(context)
    if found:
        return Seen(unproven(context, f"{found.why}. {found.todo}"))
    return Seen(
        StepResult(UNCHANGED, f"sends a job through {context.spec.driver}"),
        unseen="only a job that is sent through the jobboard proves it",
    )


def prove(
    context: Context,
    sources: Sequence[str],
    shown: Mapping[str, str] | None = None,
    systemd: Systemd | None = None,
    *,
    another: bool = False,
) -> Proof:
    """See :func:`octavia_canary.prove`; call it only without an :func:`obstacle`.

    Names silent Sentinels, for which Octavia's services wait at each connection.

    :param another: let one more import meanwhile, for a flow that may follow.
    """
    python = interpreter_of(context.host)
    assert python is not None  # noqa: S101 - that would be an obstacle
    silent = sentinel_order.silence(context.spec)
    user = prover(context, python, systemd)
    started = context.head_start.take(python, user)
    if another:
        prepare(context)
    with _naming(silent):
        proof = octavia_canary.prove(
            python,
            sources,
            masker=context.secrets.masker,
            cancelled=context.cancelled,
            shown=shown,
            started=started,
            user=user,
        )
    notes = (*proof.notes, str(silent)) if silent.first else proof.notes
    return replace(proof, notes=notes)


@contextlib.contextmanager
def _naming(silent: Silence) -> Iterator[None]:
    try:
        yield
    except TransientError as exc:
        if not silent.first:
            raise
        todo = f"{silent} {exc.todo}".rstrip()
        raise TransientError(exc.attempted, on=exc.on, why=exc.why, todo=todo) from exc


def result_of_proof(
    context: Context,
    sources: Sequence[str],
    shown: Mapping[str, str] | None = None,
    systemd: Systemd | None = None,
    *,
    another: bool = False,
) -> StepResult:
    """Run the canary, and report the proof as a step's result.

    :param shown: what an earlier proof has shown; see :func:`octavia_canary.prove`.
    :param another: see :func:`prove`.
    :raises TransientError: a server is away.
    :raises PermanentError: a link is broken.
    """
    try:
        proof = prove(context, sources, shown, systemd, another=another)
    except UnprovenError as exc:
        return unproven(context, str(exc))
    sent = f"sent a job through {context.spec.driver} as Octavia does"
    return StepResult(
        UNCHANGED,
        f"{sent}; a second owner took it over {_how(proof)}",
        warnings=proof.notes,
        shown=dated(proof.shown),
    )


def dated(shown: Mapping[str, str]) -> Mapping[str, str]:
    """What a proof has shown, with the moment; the engine seals both."""
    return {**shown, _AT: str(time.time())} if shown else {}


def recent(shown: Mapping[str, str]) -> Mapping[str, str]:
    """Of :func:`dated`, what a proof has shown; empty if that was long ago."""
    age = time.time() - float(shown.get(_AT, 0))
    return {n: shown[n] for n in shown if n != _AT} if age < _RECENT else {}


def _how(proof: Proof) -> str:
    if EXPIRY not in proof.links:
        return (
            "from the first, which gave it back: that the claim of a dead owner "
            "expires, prove-jobboard saw with the same versions"
        )
    return (
        f"{proof.takeover_seconds:.1f} s after the first, which died, had claimed it "
        f"for {proof.claim_seconds:g} s"
    )


def unproven(context: Context, why: str) -> StepResult:
    """The result of a step that could not prove the jobboard.

    :param why: clause and advice.
    """
    state = f"the jobboard is NOT PROVEN on {context.host.name}"
    return StepResult(NOT_APPLICABLE, f"done, but {state}", (f"{state}: {why}",))
