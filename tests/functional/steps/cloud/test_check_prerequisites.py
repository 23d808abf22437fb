# SPDX-License-Identifier: Apache-2.0
"""``check-prerequisites`` on a real server."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql
import pytest

from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.base import Context, StepResult
from amphv2_bootstrap.steps.cloud.check_prerequisites import CheckPrerequisites
from tests.functional.steps.target import DATABASE, Target, result_of, writes
from tests.servers.octavia import find_octavia


def answers(_spec: Spec, _secrets: Secrets) -> tuple[str, ...]:
    """A key-value backend that works."""
    return ("nothing is kept on disk",)


def away(_spec: Spec, _secrets: Secrets) -> tuple[str, ...]:
    raise TransientError("reach the key-value backend", why="refused")


def wrong(_spec: Spec, _secrets: Secrets) -> tuple[str, ...]:
    raise PermanentError("log in to the key-value backend", why="wrong password")


def check(
    context: Context,
    key_value: Callable[[Spec, Secrets], tuple[str, ...]] = answers,
) -> StepResult:
    return result_of(CheckPrerequisites(context, key_value))


@pytest.fixture
def ready(target: Target) -> Target:
    """A target with an octavia-db-manage that is no Python program."""
    script = target.folder / "octavia-db-manage"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    target.db_manage = (str(script),)
    return target


def test_all_is_well(target: Target) -> None:
    """The step reports what it found, and only reads."""
    venv = find_octavia()
    target.db_manage = (str(venv / "bin" / "octavia-db-manage"),)
    mark = target.mariadb.mark()
    result = check(target.context())
    assert (result.effect, result.made) == ("unchanged", ())
    assert result.warnings == ("nothing is kept on disk",)
    assert "MariaDB 10" in result.summary
    assert "octavia 1" in result.summary or "octavia 2" in result.summary
    assert target.mariadb.statements(mark)
    assert writes(target.mariadb.statements(mark)) == []


def test_unknown_octavia_is_a_warning(ready: Target) -> None:
    """An octavia-db-manage without a known Octavia is a warning."""
    assert "is unknown" in check(ready.context()).warnings[0]


def test_a_newer_privilege_that_the_administrator_lacks(ready: Target) -> None:
    """GRANT ALL needs each privilege of this server, those of newer versions too."""
    mariadb = ready.mariadb
    mariadb.execute("CREATE USER boss@localhost IDENTIFIED BY 'boss-secret'")
    mariadb.execute("GRANT ALL PRIVILEGES ON *.* TO boss@localhost WITH GRANT OPTION")
    mariadb.execute("REVOKE DELETE HISTORY ON *.* FROM boss@localhost")
    ready.admin, ready.admin_password = "boss", "boss-secret"
    with pytest.raises(PermanentError, match="lacks DELETE HISTORY on the database"):
        check(ready.context())


def test_all_problems_together(target: Target) -> None:
    """One error has every problem, of all systems."""
    target.mariadb.execute("CREATE USER weak@localhost IDENTIFIED BY 'weak-secret'")
    target.admin, target.admin_password = "weak", "weak-secret"
    context = target.context()
    Path(context.host.config_file).unlink()
    with pytest.raises(PermanentError) as caught:
        check(context, wrong)
    text = str(caught.value)
    for problem in (
        "octavia-db-manage is not there",
        "GRANT OPTION on the database octavia_persistence",
        "lacks CREATE USER",
        "the database mysql",
        "wrong password",
    ):
        assert problem in text
    assert "weak-secret" not in text


@pytest.mark.parametrize(
    ("grants", "missing"),
    [
        (["ALL ON *.*"], "lacks GRANT OPTION on"),
        (["SELECT, CREATE USER ON *.* {o}"], "lacks INSERT"),
        ([r"ALL ON `octavia\_persistence`.* {o}", "SELECT ON mysql.*"], "CREATE USER"),
        (["CREATE USER ON *.*", r"ALL ON `octavia\_persistence`.* {o}"], "mysql"),
        (["CREATE USER, SELECT ON *.*", "ALL ON octavia.* {o}"], "lacks INSERT"),
    ],
)
def test_missing_privileges(ready: Target, grants: list[str], missing: str) -> None:
    """The error names what the admin account lacks."""
    grant(ready, grants)
    with pytest.raises(PermanentError, match=missing):
        check(ready.context())


@pytest.mark.parametrize(
    "grants",
    [
        ["ALL ON *.* {o}"],
        [
            "CREATE USER ON *.*",
            "SELECT ON mysql.*",
            r"ALL ON `octavia\_persistence`.* {o}",
        ],
        ["CREATE USER, SELECT ON *.*", r"ALL ON `octavia%`.* {o}"],
    ],
)
def test_enough_privileges(ready: Target, grants: list[str]) -> None:
    """An admin account with less than root's privileges is enough."""
    grant(ready, grants)
    assert check(ready.context()).effect == "unchanged"


def grant(target: Target, grants: list[str]) -> None:
    target.mariadb.execute("CREATE USER clerk@localhost IDENTIFIED BY 'c'")
    for one in grants:
        what = one.replace(" {o}", " TO clerk@localhost WITH GRANT OPTION")
        if what == one:
            what += " TO clerk@localhost"
        target.mariadb.execute(f"GRANT {what}")
    target.admin, target.admin_password = "clerk", "c"


def test_privileges_of_a_role(ready: Target) -> None:
    """Privileges of the account's default role count."""
    server = ready.mariadb
    server.execute("CREATE ROLE keeper")
    try:
        server.execute("GRANT ALL ON *.* TO keeper WITH GRANT OPTION")
        server.execute("CREATE USER clerk@localhost IDENTIFIED BY 'c'")
        server.execute("GRANT keeper TO clerk@localhost")
        server.execute("SET DEFAULT ROLE keeper FOR clerk@localhost")
        ready.admin, ready.admin_password = "clerk", "c"
        assert check(ready.context()).effect == "unchanged"
    finally:
        server.execute("DROP ROLE keeper")


@pytest.mark.parametrize("variable", ["read_only", "tx_read_only"])
def test_read_only_server(ready: Target, variable: str) -> None:
    """A read-only server, such as a replica, is refused; the variable is named."""
    ready.mariadb.execute(f"SET GLOBAL {variable} = 1")
    try:
        with pytest.raises(PermanentError, match=rf"read-only \({variable}\)"):
            check(ready.context())
    finally:
        ready.mariadb.execute(f"SET GLOBAL {variable} = 0")


@pytest.mark.parametrize("shift", [-10, 10])
def test_clock_off_by_seconds(
    ready: Target, shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A difference of some seconds is a warning."""
    turn_clock(monkeypatch, shift)
    warning = check(ready.context()).warnings[1]
    assert ("behind" if shift > 0 else "ahead of") in warning


def test_clock_off_by_a_minute(ready: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference of a minute is an error."""
    turn_clock(monkeypatch, 60)
    with pytest.raises(PermanentError, match="NTP"):
        check(ready.context())


def turn_clock(monkeypatch: pytest.MonkeyPatch, shift: int) -> None:
    module = sys.modules["amphv2_bootstrap.adapters.mysql.fitness"]
    true = module.time.time
    monkeypatch.setattr(module, "time", ShiftedClock(true, shift))


class ShiftedClock:
    """The module ``time`` on a host with a wrong clock."""

    def __init__(self, true: Callable[[], float], shift: int) -> None:
        self._true = true
        self._shift = shift

    def time(self) -> float:
        return self._true() + self._shift


def test_key_value_backend_away_is_transient(ready: Target) -> None:
    """If only the backend is unavailable, the error is transient."""
    with pytest.raises(TransientError):
        check(ready.context(), away)


def test_key_value_backend_to_be_installed(ready: Target) -> None:
    """A backend that the job will install isn't contacted."""
    context = ready.context()
    spec = replace(context.spec, install_key_value_backend=True)
    assert check(replace(context, spec=spec), wrong).effect == "unchanged"


def test_sqlite_needs_no_server(ready: Target, tmp_path: Path) -> None:
    """With SQLite no database server is contacted."""
    ready.admin_password = "wrong"
    result = check(ready.sqlite(tmp_path / f"{DATABASE}.db"))
    assert "SQLite" in result.summary


def test_what_would_break_later_is_a_warning(ready: Target) -> None:
    """The step warns of the server's settings, and of an earlier run's tables."""
    server = ready.mariadb
    server.execute(f"CREATE DATABASE {DATABASE}")
    server.execute(f"CREATE TABLE {DATABASE}.logbooks (meta TEXT)")
    before = server.execute("SELECT @@GLOBAL.max_allowed_packet")[0][0]
    server.execute("SET GLOBAL max_allowed_packet = 4194304")
    try:
        warnings = check(ready.context()).warnings
    finally:
        server.execute(f"SET GLOBAL max_allowed_packet = {before}")
    assert any("is 4194304 bytes" in text for text in warnings)
    assert any("logbooks MODIFY meta LONGTEXT" in text for text in warnings)


def test_a_server_that_refuses_named_locks(
    ready: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Percona in strict mode: the guard that is missing then is said; none is left."""
    mark = ready.mariadb.mark()
    before = check(ready.context()).warnings
    sent = ready.mariadb.statements(mark)
    assert len([one for one in sent if "RELEASE_LOCK('amphv2-probe" in one]) == 1
    execute: Callable[..., int] = pymysql.cursors.Cursor.execute

    def refusing(cursor: Any, query: str, args: Any = None) -> int:
        if "GET_LOCK" in query:
            raise pymysql.err.OperationalError(1105, "prohibited")
        return execute(cursor, query, args)

    monkeypatch.setattr(pymysql.cursors.Cursor, "execute", refusing)
    (more,) = set(check(ready.context()).warnings) - set(before)
    assert "refuses named locks" in more
