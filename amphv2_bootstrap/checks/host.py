# SPDX-License-Identifier: Apache-2.0
"""Checks of this host, and of the jobboard as Octavia uses it from here."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.octavia import canary as octavia_canary
from amphv2_bootstrap.adapters.octavia import introspection
from amphv2_bootstrap.adapters.octavia.canary import Drilled
from amphv2_bootstrap.adapters.octavia.diagnosis import UnprovenError
from amphv2_bootstrap.adapters.octavia.interpreter import (
    interpreter_of,
    others_may_replace,
)
from amphv2_bootstrap.adapters.octavia.service_user import service_user
from amphv2_bootstrap.checks.finding import (
    FAILED,
    OK,
    SKIPPED,
    WARNING,
    Check,
    Finding,
)
from amphv2_bootstrap.errors import BootstrapError, PermanentError
from amphv2_bootstrap.spec.task_flow_tls import OTHER_KAZOO
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import distinct, loaded, obstacle, prove, prover
from amphv2_bootstrap.steps.controller.check_effective_configuration import (
    CheckEffectiveConfiguration,
)
from amphv2_bootstrap.steps.octavia_clients import check_key_value

_LATE_SECONDS = 35.0
"""Octavia's conductors reread the whole board every 30 s."""


def configuration(context: Context) -> Iterator[Finding]:
    """Octavia loads the wanted options on this host, and a job could change them."""
    for one in context.of_each_file():
        yield from _configuration(one)


def _configuration(context: Context) -> Iterator[Finding]:
    try:
        durable_file.check_replaceable(context.host.config_file)
    except BootstrapError as exc:
        yield Finding.of("configuration", exc, WARNING)
    try:
        result = CheckEffectiveConfiguration(context).act()
    except PermanentError as exc:  # the other files are looked at, too
        yield Finding.of("configuration", exc)
        return
    yield Finding("configuration", OK, result.summary)
    for warning in result.warnings:
        todo = f"Correct {' or '.join(loaded(context))}."
        yield Finding("configuration", WARNING, warning, todo)


def client_library(
    context: Context, systemd: Systemd | None = None
) -> Iterator[Finding]:
    """Octavia's Python can import its jobboard driver, and only root may change it."""
    for message in others_may_replace(context.host):
        yield Finding("client-library", WARNING, message)
    python, driver = interpreter_of(context.host), context.spec.driver
    if python is None:
        yield Finding(
            "client-library",
            SKIPPED,
            "Octavia's Python isn't on this host",
            f"Set [octavia] python, or check that its image has octavia[{driver}].",
        )
        return
    ready, why = introspection.can_import_driver(
        python, driver, service_user(context.host, systemd)
    )
    if ready:
        yield Finding("client-library", OK, f"{python} imports the {driver} driver")
        unfit = introspection.tls_obstacle(python, context.spec.task_flow)
        if unfit:
            todo = f"Install another version there: pip install '{OTHER_KAZOO}'."
            yield Finding("client-library", FAILED, f"{python}: {unfit}", todo)
        return
    yield Finding(
        "client-library",
        FAILED,
        f"{python} can't import the {driver} driver: {why}",
        f"Install taskflow[{driver}] there, and restart Octavia's services.",
    )


def key_value_backend(context: Context) -> Iterator[Finding]:
    """The wanted backend answers, takes writes and keeps them."""
    warnings = check_key_value(context)
    servers = [f"{host}:{port}" for host, port in context.spec.key_value_servers]
    driver = context.spec.driver
    message = f"{driver} ({', '.join(servers)}) answers and takes writes"
    yield Finding("key-value-backend", OK, message)
    for warning in warnings:
        yield Finding("key-value-backend", WARNING, warning)


def canary(context: Context) -> Iterator[Finding]:
    """A job goes through Octavia's jobboard, by Octavia's own code."""
    found = distinct(context)
    for one in found:
        by = f"{one.host.config_file}: " if len(found) > 1 else ""
        for finding in _proven("canary", one, _canary):
            yield replace(finding, message=by + finding.message)


def _canary(context: Context) -> Iterator[Finding]:
    proof = prove(context, loaded(context))
    message = (
        "posted and claimed a job, took it over from its dead owner after "
        f"{proof.takeover_seconds:.1f} s (claim: {proof.claim_seconds:g} s), ran and "
        "consumed it"
    )
    yield Finding("canary", OK, message)
    for note in proof.notes:
        yield Finding("canary", WARNING, note)


def drill(context: Context, progress: Callable[[str], None]) -> Iterator[Finding]:
    """One of two conductors of Octavia dies in a flow, and the other resumes it.

    Takes as long as Octavia's jobboard_expiration_time, and up to a minute more. With
    several octavia.conf, they load the first one.

    :param progress: called with a text now and then, from another thread.
    """

    def drilled(context: Context) -> Iterator[Finding]:
        found = _drilled(context, progress)
        yield _judged(context.spec.driver, found)
        for note in found.notes:
            yield Finding("drill", WARNING, note)

    yield from _proven("drill", context, drilled)


def _proven(name: str, context: Context, check: Check) -> Iterator[Finding]:
    """The findings of ``check``, or one that the jobboard is not proven.

    That is a failure, but for SQLite a warning: with it no proof is possible.
    """
    found = obstacle(context)
    if found:
        why, todo = found
    else:
        try:
            yield from check(context)
            return
        except UnprovenError as exc:
            why, todo = exc.why, exc.todo
    state = WARNING if context.spec.persistence.is_sqlite else FAILED
    yield Finding(name, state, f"the jobboard is NOT PROVEN: {why}", todo)


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
        user=prover(context, python),
    )


def _judged(driver: str, found: Drilled) -> Finding:
    seconds, limit = found.takeover_seconds, found.expiration_seconds
    what = (
        "the default timeout of ZooKeeper sessions"
        if driver == "zookeeper"
        else "jobboard_expiration_time"
    )
    message = (
        f"a conductor was killed in a flow; another one resumed it after "
        f"{seconds:.1f} s ({what}: {limit:g} s)"
    )
    if seconds > limit + _LATE_SECONDS:
        todo = "Check whether the key-value backend or this host is overloaded."
        return Finding("drill", WARNING, f"{message}, which is late", todo)
    return Finding("drill", OK, message)
