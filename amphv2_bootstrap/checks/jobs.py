# SPDX-License-Identifier: Apache-2.0
"""The checks of what waits on Octavia's own jobboard, and of what waits in vain."""

from collections.abc import Iterator, Sequence

from amphv2_bootstrap.adapters.octavia.canary import Leftover, leftovers
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.checks.finding import FAILED, OK, SKIPPED, WARNING, Finding
from amphv2_bootstrap.errors import BootstrapError, CancelledError
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import loaded, obstacle
from amphv2_bootstrap.steps.under_way import (
    REPAIR,
    LoadBalancer,
    jobs,
    named,
    pending,
)


def waiting_jobs(context: Context) -> Iterator[Finding]:
    """Octavia's conductors can read and carry out all that waits on its jobboard."""
    found = obstacle(context)
    python = interpreter_of(context.host)
    if found or python is None:
        why, todo = found or ("", "")
        yield Finding("waiting-jobs", SKIPPED, f"what waits isn't known: {why}", todo)
        return
    try:
        flawed = leftovers(
            python,
            loaded(context),
            masker=context.secrets.masker,
            cancelled=context.cancelled,
        )
    except CancelledError:
        raise
    except BootstrapError as exc:  # the canary fails for that reason, too
        yield Finding.of("waiting-jobs", exc, WARNING)
        return
    for one in flawed:
        yield _finding(one)
    if not flawed:
        message = "nothing waits that Octavia's conductors can't carry out"
        yield Finding("waiting-jobs", OK, message)


def _finding(one: Leftover) -> Finding:
    if one.is_malformed:
        return Finding(
            "waiting-jobs",
            FAILED,
            f"the posting {one.name} on Octavia's jobboard is malformed: {one.why}. "
            "It ends Octavia's conductors, which read it",
            f"Remove it ({one.removal}), then restart octavia-worker everywhere.",
        )
    return Finding(
        "waiting-jobs",
        FAILED,
        f"the job {one.name} waits, but {one.why}, which isn't in the database of "
        "persistence_connection: no conductor can carry it out, and its load balancer "
        "stays in PENDING",
        "If another database has it, correct persistence_connection. If none has it, "
        f"remove the job ({one.removal}), and set its load balancer to ERROR.",
    )


def stuck(context: Context) -> Iterator[Finding]:
    """No load balancer waits for ever for a job that nobody has."""
    minutes = context.host.stuck_minutes
    try:
        found = pending(context)
    except CancelledError:
        raise
    except BootstrapError as exc:
        yield Finding.of("stuck", exc, SKIPPED)
        return
    if found is None:
        why = "[database] connection names no MySQL or MariaDB"
        yield Finding("stuck", SKIPPED, f"load balancers weren't looked at: {why}")
        return
    old = [one for one in found if one.is_old(minutes)]
    if old:
        yield from _stuck(context, old)
        return
    message = f"no load balancer is in PENDING for more than {minutes:g} minutes"
    yield Finding("stuck", OK, message)


def _stuck(context: Context, old: Sequence[LoadBalancer]) -> Iterator[Finding]:
    since = f"in PENDING for more than {context.host.stuck_minutes:g} minutes"
    try:
        board = jobs(context, loaded(context))
    except CancelledError:
        raise
    except BootstrapError as exc:
        message = f"{since}: {named(old)}; whether a job of theirs waits isn't known"
        yield Finding("stuck", WARNING, f"{message}: {exc}", REPAIR)
        return
    lost = [one for one in old if one.id not in board]
    if lost:
        message = f"{since}, and without a job on Octavia's jobboard: {named(lost)}"
        yield Finding("stuck", FAILED, message, REPAIR)
    late = [f"{one}: {board[one.id]}" for one in old if one.id in board]
    if late:
        message = f"{since}, but with a job on Octavia's jobboard: {named(late)}"
        todo = "Look in the log of the octavia-worker that claims it, or start workers."
        yield Finding("stuck", WARNING, message, todo)
