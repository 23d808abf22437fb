# SPDX-License-Identifier: Apache-2.0
"""Checks of what this host has, and of the jobboard as Octavia here meets it."""

from collections.abc import Callable, Iterator

from amphv2_bootstrap.adapters import key_value
from amphv2_bootstrap.adapters.octavia import canary as octavia_canary
from amphv2_bootstrap.adapters.octavia import introspection
from amphv2_bootstrap.adapters.octavia.canary import Drilled
from amphv2_bootstrap.adapters.octavia.diagnosis import UnprovenError
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.checks.finding import FAILED, OK, SKIPPED, WARNING, Finding
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import loaded, obstacle, prove
from amphv2_bootstrap.steps.controller.check_effective_configuration import (
    CheckEffectiveConfiguration,
)

_LATE_SECONDS = 35.0
"""A conductor of Octavia looks at the whole board anew every 30 s."""


def configuration(context: Context) -> Iterator[Finding]:
    """Octavia, loading its files on this host, gets what is wanted."""
    result = CheckEffectiveConfiguration(context).act()
    yield Finding("configuration", OK, result.summary)
    for warning in result.warnings:
        todo = f"Correct {' or '.join(loaded(context))}."
        yield Finding("configuration", WARNING, warning, todo)


def client_library(context: Context) -> Iterator[Finding]:
    """Octavia's Python can import its jobboard driver."""
    python, driver = interpreter_of(context.host), context.spec.driver
    if python is None:
        yield Finding(
            "client-library",
            SKIPPED,
            "Octavia's Python isn't on this host",
            f"Set [octavia] python; or see that its image has octavia[{driver}].",
        )
        return
    ready, why = introspection.can_import_driver(python, driver)
    if ready:
        yield Finding("client-library", OK, f"{python} imports the {driver} driver")
        return
    yield Finding(
        "client-library",
        FAILED,
        f"{python} can't import the {driver} driver: {why}",
        f"Install taskflow[{driver}] there, and restart Octavia's services.",
    )


def key_value_backend(context: Context) -> Iterator[Finding]:
    """The wanted backend answers, takes writes, and keeps what it is given."""
    warnings = key_value.check(context.spec, context.secrets)
    servers = [f"{host}:{port}" for host, port in context.spec.key_value_servers]
    driver = context.spec.driver
    message = f"{driver} ({', '.join(servers)}) answers and takes writes"
    yield Finding("key-value-backend", OK, message)
    for warning in warnings:
        yield Finding("key-value-backend", WARNING, warning)


def canary(context: Context) -> Iterator[Finding]:
    """A job goes through Octavia's jobboard, by Octavia's own code."""
    found = obstacle(context)
    if found:
        yield _unproven("canary", context, *found)
        return
    try:
        proof = prove(context, loaded(context))
    except UnprovenError as exc:
        yield _unproven("canary", context, exc.why, exc.todo)
        return
    yield Finding(
        "canary",
        OK,
        f"posted, claimed, taken over after {proof.takeover_seconds:.1f} s from a dead "
        f"owner (claim: {proof.claim_seconds:g} s), run and consumed a job",
    )
    for note in proof.notes:
        yield Finding("canary", WARNING, note)


def drill(context: Context, progress: Callable[[str], None]) -> Iterator[Finding]:
    """One of two conductors of Octavia dies in a flow, and the other goes on.

    Takes as long as Octavia's jobboard_expiration_time, and up to a minute more.

    :param progress: called with a text now and then, from another thread.
    """
    found = obstacle(context)
    if found:
        yield _unproven("drill", context, *found)
        return
    try:
        drilled = _drilled(context, progress)
    except UnprovenError as exc:
        yield _unproven("drill", context, exc.why, exc.todo)
        return
    yield _judged(context.spec.driver, drilled)
    for note in drilled.notes:
        yield Finding("drill", WARNING, note)


def _unproven(check: str, context: Context, why: str, todo: str) -> Finding:
    """What could not be proven is no success; but SQLite can't be more than it is."""
    state = WARNING if context.spec.persistence.is_sqlite else FAILED
    return Finding(check, state, f"the jobboard is NOT PROVEN: {why}", todo)


def _drilled(context: Context, progress: Callable[[str], None]) -> Drilled:
    python, sources = interpreter_of(context.host), loaded(context)
    assert python is not None  # noqa: S101 - that would be an obstacle
    wanted = introspection.effective_task_flow(python, sources)
    return octavia_canary.drill(
        python,
        sources,
        expiration=float(wanted["jobboard_expiration_time"]),
        masker=context.secrets.masker,
        cancelled=context.cancelled,
        progress=progress,
    )


def _judged(driver: str, found: Drilled) -> Finding:
    seconds, limit = found.takeover_seconds, found.expiration_seconds
    what = (
        "the default timeout of ZooKeeper sessions"
        if driver == "zookeeper"
        else "jobboard_expiration_time"
    )
    message = (
        f"a conductor was killed in a flow; another one went on after {seconds:.1f} s "
        f"({what}: {limit:g} s)"
    )
    if seconds > limit + _LATE_SECONDS:
        todo = "Is the key-value backend, or this host, overloaded?"
        return Finding("drill", WARNING, f"{message}, which is late", todo)
    return Finding("drill", OK, message)
