# SPDX-License-Identifier: Apache-2.0
"""Running checks one after another."""

from collections.abc import Iterator

import pytest

from amphv2_bootstrap.checks.finding import FAILED, OK, Finding
from amphv2_bootstrap.checks.verification import CHECKS, verify
from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError
from amphv2_bootstrap.steps.base import Context
from tests.unit.steps.controller_host import Controller


def broken_server(context: Context) -> Iterator[Finding]:
    yield Finding("broken-server", OK, "looked at one thing")
    raise TransientError("ask the server", on="db:3306", why="it is away.", todo="Go.")


def last_one(context: Context) -> list[Finding]:
    return [Finding("last-one", OK, context.host.name)]


def test_all_checks_are_run_whatever_fails(controller: Controller) -> None:
    """An error becomes a finding, after the earlier findings of its check."""
    begun: list[str] = []
    found = list(verify(controller.context, (broken_server, last_one), begun.append))
    assert begun == ["broken-server", "last-one"]
    assert found == [
        Finding("broken-server", OK, "looked at one thing"),
        Finding("broken-server", FAILED, "ask the server (db:3306): it is away", "Go."),
        Finding("last-one", OK, "c1"),
    ]


def surprising(context: Context) -> Iterator[Finding]:
    yield Finding("surprising", OK, "looked at one thing")
    raise AttributeError("a library has no such attribute")


def test_an_unexpected_error_hides_no_other_finding(
    controller: Controller, caplog: pytest.LogCaptureFixture
) -> None:
    """It fails its own check; the traceback goes to the log, and the others are run."""
    one, surprise, last = verify(controller.context, (surprising, last_one))
    assert (one.state, last.state) == (OK, OK)
    assert (surprise.check, surprise.state) == ("surprising", FAILED)
    assert "unexpected AttributeError at " in surprise.message
    assert "no such attribute" not in surprise.message  # it could quote a secret
    assert surprise.todo
    assert "in surprising" in caplog.text


def test_cancellation(controller: Controller) -> None:
    """After a cancellation no further check begins."""

    def stopped(context: Context) -> list[Finding]:
        raise CancelledError("check", why="cancelled")

    begun: list[str] = []
    with pytest.raises(CancelledError):
        list(verify(controller.context, (stopped, last_one), begun.append))
    assert begun == ["stopped"]


def test_names_are_public() -> None:
    """Each check has a name of its own, which its findings have."""
    names = [check.__name__ for check in CHECKS]
    assert len(set(names)) == len(names)
    assert names[:2] == ["configuration", "client_library"]
    assert "canary" in names


def test_an_error_without_a_place(controller: Controller) -> None:
    """The message omits what the error lacks."""
    error = PermanentError("look", why="no reason")
    assert Finding.of("x", error) == Finding("x", FAILED, "look: no reason", "")
