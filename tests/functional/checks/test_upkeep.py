# SPDX-License-Identifier: Apache-2.0
"""The checks of ``verify`` for what may break later, on a real server."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.checks.finding import OK, SKIPPED, WARNING, Check, Finding
from amphv2_bootstrap.checks.upkeep import other_accounts, server_settings, services
from amphv2_bootstrap.steps.cloud.upgrade_persistence_schema import (
    UpgradePersistenceSchema,
)
from tests.functional.steps.target import Target, result_of, writes


def _only(check: Check, target: Target) -> Finding:
    (found,) = check(target.context())
    return found


def test_nothing_is_wrong_with_a_fresh_server(target: Target) -> None:
    """Each check succeeds, and only reads."""
    mark = target.mariadb.mark()
    for check in (services, server_settings, other_accounts):
        assert _only(check, target).state == OK
    assert target.mariadb.statements(mark)
    assert writes(target.mariadb.statements(mark)) == []


@pytest.mark.parametrize("check", [server_settings, other_accounts])
def test_what_cannot_be_checked_is_skipped(check: Check, target: Target) -> None:
    """A check is skipped with SQLite, or if the administrator can't log in."""
    (found,) = check(target.sqlite(Path("/nonexistent/persistence.sqlite")))
    assert found.state == SKIPPED
    target.admin_password = "wr0ng"
    found = _only(check, target)
    assert found.state == SKIPPED
    assert "Access denied" in found.message
    assert found.todo


def test_taskflows_own_tables_are_too_narrow(prepared: Target) -> None:
    """The statements in the warning make the tables of octavia-db-manage fit."""
    result_of(UpgradePersistenceSchema(prepared.context()))
    found = _only(server_settings, prepared)
    assert found.state == WARNING
    assert "logbooks.meta, atomdetails.meta, atomdetails.revert" in found.message
    for statement in found.message.partition("run: ")[2].split(";"):
        if statement.strip():
            prepared.mariadb.execute(statement)
    assert _only(server_settings, prepared).state == OK
    again = result_of(UpgradePersistenceSchema(prepared.context()))
    assert again.effect == "unchanged", "wider columns are no other schema"


def test_a_different_clock_is_a_warning(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning has the difference, and what to do."""
    monkeypatch.setattr(time, "time", lambda: 0.0)
    found = _only(server_settings, target)
    assert found.state == WARNING
    assert "s from this host's" in found.message
    assert "NTP" in found.todo


def test_accounts_in_the_way_are_warnings(target: Target) -> None:
    """Anonymous accounts, and others of Octavia's user with a different password."""
    target.mariadb.execute("CREATE USER ''@'10.0.0.5'")
    target.mariadb.execute("CREATE USER octavia@'10.0.0.6' IDENTIFIED BY '0ther'")
    found = list(other_accounts(target.context()))
    assert {one.state for one in found} == {WARNING}
    anonymous, unprivileged, other = (one.message for one in found)
    assert "''@'10.0.0.5'" in anonymous
    assert "prefers the account 'octavia'@'10.0.0.6'" in unprivileged
    assert "'octavia'@'10.0.0.6' has a different password" in other


def test_a_restart_that_is_due_is_a_warning(target: Target) -> None:
    """The marker on this host's disk asks for it."""
    context = target.context()
    host = replace(context.host, restart_commands=(("true",),))
    RestartMarker(host.state_path, host.config_file).set()
    (found,) = services(replace(context, host=host))
    assert found.state == WARNING
    assert "has not restarted Octavia's services" in found.message
    assert "Restart them" in found.todo
