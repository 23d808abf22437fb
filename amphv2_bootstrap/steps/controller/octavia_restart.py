# SPDX-License-Identifier: Apache-2.0
"""Restarts Octavia's services of this host, each one verified before the next."""

import contextlib
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.adapters.host import commands, containers
from amphv2_bootstrap.adapters.host.services import Systemd, in_restart_order
from amphv2_bootstrap.adapters.octavia.held_requests import held_requests
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec.model import HostSettings
from amphv2_bootstrap.steps import canary, checked_command
from amphv2_bootstrap.steps.base import (
    CHANGED,
    UNCHANGED,
    Change,
    Context,
    Kind,
    StepResult,
)

COMMAND_SECONDS = 300.0
"""Bounds each command of the operator: of a restart, before and after it."""
READY_SECONDS = 120.0
"""How long ready_command is repeated until it succeeds."""

_READY_PAUSE = 1.0
_READY_TIMEOUT = 30.0
STEADY_SECONDS = 5.0

_OTHER_SERVICES = frozenset({"api", "health", "housekeeping"})
"""Words in the names of Octavia's services that take no requests from RabbitMQ."""


@dataclass(frozen=True, slots=True)
class Restart:
    """What a restart of a host runs, in this order; either commands or systemd units.

    ``result`` is set where there is neither: no restart is needed, or one by hand.
    """

    before: tuple[tuple[str, ...], ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    units: tuple[str, ...] = ()
    after: tuple[tuple[str, ...], ...] = ()
    result: StepResult | None = None

    def changes(self, host: str) -> Iterator[Change]:
        """The same, as ``plan`` shows it."""
        for command in self.before:
            yield Change(Kind.COMMAND, host, shlex.join(command))
        for text in (*map(shlex.join, self.commands), *self.units):
            yield Change(Kind.RESTART, host, text)
        for command in self.after:
            yield Change(Kind.COMMAND, host, shlex.join(command))


def look(context: Context, systemd: Systemd, *, is_restarted: bool) -> Restart:
    """What is still to be run.

    :param is_restarted: an interrupted run has restarted the services.
    """
    host = context.host
    if is_restarted:
        done = StepResult(UNCHANGED, "restarted by an interrupted run")
        return Restart(after=host.after_restart, result=done)
    uses_systemd = not host.restart_commands and systemd.available()
    units = in_restart_order(systemd.in_use(host.services)) if uses_systemd else ()
    if not units and not host.restart_commands:
        return Restart(after=host.after_restart, result=_by_hand(context))
    return Restart(
        host.before_restart, host.restart_commands, units, host.after_restart
    )


def time_limit(host: HostSettings, systemd: Systemd) -> float:
    """More seconds than all commands and checks of a restart may take together."""
    restarts = max(len(host.restart_commands), len(host.services))
    hooks = len(host.before_restart) + len(host.after_restart)
    each = COMMAND_SECONDS + READY_SECONDS + systemd.restart_timeout + 120.0
    return 600.0 + restarts * each + hooks * COMMAND_SECONDS


def restart(context: Context, systemd: Systemd, seen: Restart) -> StepResult:
    """Run before_restart, then restart by the configured commands, else the units.

    :raises BootstrapError: a command failed, or a service didn't come back.
    """
    if seen.result is not None:
        return seen.result
    _run_hooks(context, "before_restart", seen.before)
    with _saying_what_is_open(context.host):
        if seen.units:
            return _restart_units(context, systemd, seen.units)
        return _restart_by_commands(context, seen.commands)


def after(context: Context, seen: Restart) -> None:
    """Run after_restart.

    :raises TransientError: a command failed.
    """
    _run_hooks(context, "after_restart", seen.after)


def _run_hooks(context: Context, option: str, hooks: Sequence[tuple[str, ...]]) -> None:
    for command in hooks:
        checked_command.run(
            context, command, attempted=f"run {option}", timeout=COMMAND_SECONDS
        )


@contextlib.contextmanager
def _saying_what_is_open(host: HostSettings) -> Iterator[None]:
    """Have an error say that after_restart was not run."""
    try:
        yield
    except (PermanentError, TransientError) as exc:
        if not host.before_restart:
            raise
        todo = (
            f"{exc.todo} before_restart was run on {host.name}, after_restart was not: "
            "that is still to do, by hand or by resuming the job."
        ).strip()
        raise type(exc)(exc.attempted, on=exc.on, why=exc.why, todo=todo) from exc


def _restart_units(
    context: Context, systemd: Systemd, units: Sequence[str]
) -> StepResult:
    warnings: list[str] = []
    for unit in units:
        with _without_requests(context, (unit,), warnings):
            systemd.restart((unit,), context.cancelled)
        _check_ready(context, f"the restart of {unit}")
    return StepResult(CHANGED, f"restarted {', '.join(units)}", tuple(warnings))


@contextlib.contextmanager
def _without_requests(
    context: Context, command: Sequence[str], warnings: list[str]
) -> Iterator[None]:
    """Octavia's workers get no new requests, if the command may restart one.

    :param warnings: gets one if they get them nevertheless.
    """
    python = interpreter_of(context.host)
    if python is None or not _may_stop_worker(command):
        yield
        return
    sources = canary.loaded(context)
    with held_requests(python, sources, masker=context.secrets.masker) as why:
        if why:
            warnings.append(_not_held(context.host.name, why))
        yield


def _may_stop_worker(command: Sequence[str]) -> bool:
    names = " ".join(Path(word).name for word in command)
    words = set(re.split(r"[^a-z]+", names.lower()))
    return "worker" in words or words.isdisjoint(_OTHER_SERVICES)


def _not_held(host: str, why: str) -> str:
    return (
        f"New requests were not held in RabbitMQ while octavia-worker on {host} was "
        f"restarted ({why}): one that came meanwhile may be lost, and leave its load "
        "balancer in PENDING_*. 'amphv2-bootstrap verify' names such load balancers."
    )


def _restart_by_commands(
    context: Context, restart_commands: Sequence[tuple[str, ...]]
) -> StepResult:
    host = context.host
    unseen: list[str] = []
    warnings: list[str] = []
    for command in restart_commands:
        with _without_requests(context, command, warnings):
            checked_command.run(
                context,
                command,
                attempted="restart Octavia's services",
                timeout=COMMAND_SECONDS,
            )
        found = containers.restarted_by(command)
        for container in found:
            container.check_steady(STEADY_SECONDS, context.cancelled)
        _check_ready(context, f"'{command[0]}'")
        if not found and not host.ready_command:
            unseen.append(command[0])
    if unseen:
        warnings.append(_unseen(host.name, unseen))
    count = len(restart_commands)
    return StepResult(
        CHANGED, f"ran the restart commands ({count})", warnings=tuple(warnings)
    )


def _unseen(host: str, programs: Sequence[str]) -> str:
    return (
        f"Whether Octavia's services on {host} stay up after {', '.join(programs)} was "
        "not looked at: set [octavia] ready_command."
    )


def _check_ready(context: Context, after: str) -> None:
    """Repeat ready_command until it succeeds, and see that it does so again later.

    :raises PermanentError: it doesn't.
    """
    if not context.host.ready_command:
        return
    deadline = time.monotonic() + READY_SECONDS
    while why := _why_not_ready(context):
        if time.monotonic() > deadline:
            raise _not_ready(
                context, f"not within {READY_SECONDS:g} s after {after}", why
            )
        context.cancelled.wait(_READY_PAUSE)
    context.cancelled.wait(STEADY_SECONDS)
    why = _why_not_ready(context)
    if why:
        raise _not_ready(context, f"only for a moment after {after}", why)


def _why_not_ready(context: Context) -> str:
    command = context.host.ready_command
    try:
        done = commands.run(
            command, timeout=_READY_TIMEOUT, cancelled=context.cancelled
        )
    except TransientError as exc:
        return exc.why
    if not done.returncode:
        return ""
    return done.output[-500:] or f"it ended with {done.returncode}"


def _not_ready(context: Context, when: str, why: str) -> PermanentError:
    return PermanentError(
        "wait until Octavia's services are ready",
        on=context.host.ready_command[0],
        why=f"ready_command succeeded {when}: {why}",
        todo="Look at the services' logs.",
    )


def _by_hand(context: Context) -> StepResult:
    names = ", ".join(context.host.services) or "all of Octavia's services"
    return StepResult(
        UNCHANGED,
        "found no service to restart",
        warnings=(
            f"Restart by hand on {context.host.name}: {names}. systemd runs no such "
            "unit here, and no restart_commands are configured.",
        ),
    )
