# SPDX-License-Identifier: Apache-2.0
"""octavia-db-manage and upgrades, killed at random moments, and many at once."""

import os
import random
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.mysql import sessions
from amphv2_bootstrap.adapters.octavia import db_manage
from amphv2_bootstrap.adapters.schema import persistence_schema
from amphv2_bootstrap.adapters.schema.revisions import CHAIN, KNOWN_HEAD
from amphv2_bootstrap.adapters.schema.state import classify
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.masking import Masker
from amphv2_bootstrap.steps.cloud.upgrade_persistence_schema import (
    UpgradePersistenceSchema,
)
from tests.functional.site import Site
from tests.functional.steps.conftest import LEFT, SEED_NAME
from tests.functional.steps.older_schema import OlderSchema, Rows, survived
from tests.functional.steps.target import DATABASE, PASSWORD, Target, result_of
from tests.functional.steps.upgrade_once import (
    Settings,
    finish,
    settings_of,
    start,
)
from tests.servers.mariadb import MariaDB
from tests.servers.octavia import find_octavia
from tests.servers.process import wait_until

KILLER = Path(__file__).with_name("killed_db_manage.py")
# All workers of one run must draw the same moments.
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")[:8] or secrets.token_hex(4)
SEED = os.environ.get(SEED_NAME) or _RUN
"""Tests with the same seed kill at the same moments; their names have it."""
WRITES = {
    None: 49,
    "1cea328f0f65": 39,
    "589dccdf2b6e": 23,
    "0bc3e1a3c135": 14,
    "40fc8c914bd2": 8,
}
"""The number of writing statements and commits from a revision to the head."""
LONGEST_MICROSECONDS = 3000
WITHIN = "within a statement"
Tell = Callable[[str, object], None]


@dataclass(frozen=True)
class Kill:
    """A database's revision (with rows; None: empty) and a moment."""

    revision: str | None
    moment: str

    def __str__(self) -> str:
        return f"{self.revision or 'empty'}-{self.moment}"


def kills(revision: str | None, count: int) -> Iterator[Kill]:
    """Random moments by the seed; about half of them lie within a statement."""
    draw = random.Random(f"{SEED} {revision}")
    for _ in range(count):
        number = draw.randint(1, WRITES[revision])
        delay = draw.randrange(LONGEST_MICROSECONDS)
        within = draw.random() < 0.5
        yield Kill(revision, f"{number}+{delay}" if within else str(number))


def cases(*counts: tuple[str | None, int], marks: Any = ()) -> list[Any]:
    found = [kill for revision, count in counts for kill in kills(revision, count)]
    return [
        pytest.param(kill, id=f"seed{SEED}-{number}-{kill}", marks=marks)
        for number, kill in enumerate(found)
    ]


def begin(older: OlderSchema, kill: Kill, tell: Tell) -> Rows:
    """Make the tables of before the upgrade; their rows."""
    print(f"{SEED_NAME}={SEED}")
    tell(SEED_NAME, SEED)
    if kill.revision is None:
        return {}
    older.make(kill.revision)
    return older.fill()


def check_end(older: OlderSchema, kill: Kill, before: Rows) -> None:
    """The schema equals that of an undisturbed upgrade, with all rows."""
    assert older.run("SELECT version_num FROM alembic_version") == [(KNOWN_HEAD,)]
    assert older.tables() == older.tables_at(KNOWN_HEAD)
    assert survived(before, older.rows())
    assert bool(older.rows()["atomdetails"]) is bool(kill.revision)


def state_of(server: MariaDB) -> str:
    """The state in which the kill left the schema."""
    place = DatabaseUrl("mysql+pymysql", "root", server.host, server.port, DATABASE)
    with sessions.session(place, server.root_password, database=DATABASE) as session:
        return str(classify(persistence_schema.look(session, rows=False)).state)


def check(target: Target, older: OlderSchema, kill: Kill, tell: Tell) -> None:
    """Kill octavia-db-manage, run the step, and check the result."""
    before = begin(older, kill, tell)
    python = str(find_octavia() / "bin" / "python")
    mark = str(target.folder / "killed")
    killed = replace(target, db_manage=(python, str(KILLER), kill.moment, mark))
    context = killed.context()
    completed = db_manage.upgrade_persistence(
        context.host,
        context.spec.persistence,
        PASSWORD,
        masker=Masker([PASSWORD]),
        cancelled=threading.Event(),
    )
    assert completed.returncode == -9
    # A look would wait for the dead client's statement, which the step has to.
    within = "+" in kill.moment
    tell(LEFT, WITHIN if within else state_of(target.mariadb))
    result_of(UpgradePersistenceSchema(target.context()))
    check_end(older, kill, before)


@pytest.mark.parametrize("kill", cases((None, 2), (CHAIN[-2], 3), ("589dccdf2b6e", 1)))
def test_killed_db_manage(
    prepared: Target, older: OlderSchema, kill: Kill, record_property: Tell
) -> None:
    """After a kill, the step ends at the head with all rows."""
    check(prepared, older, kill, record_property)


@pytest.mark.long
@pytest.mark.parametrize(
    "kill",
    cases(
        (None, 30),
        (CHAIN[-2], 30),
        ("0bc3e1a3c135", 10),
        ("589dccdf2b6e", 10),
        ("1cea328f0f65", 10),
    ),
)
def test_killed_db_manage_long(
    prepared: Target, older: OlderSchema, kill: Kill, record_property: Tell
) -> None:
    """After each of many kills, the step ends at the head with all rows."""
    check(prepared, older, kill, record_property)


def check_whole_flow(site: Site, older: OlderSchema, kill: Kill, tell: Tell) -> None:
    """Kill octavia-db-manage, then let ``run`` do the whole bootstrap."""
    server = site.mariadb
    server.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
    before = begin(older, kill, tell)
    conf = site.folder / "by-hand.conf"
    connection = f"{server.root_url}/{DATABASE}".replace("$", "$$")
    conf.write_text(f"[task_flow]\npersistence_connection = {connection}\n")
    python = str(find_octavia() / "bin" / "python")
    argv = [python, str(KILLER), kill.moment, str(site.folder / "killed")]
    argv += ["--config-file", str(conf), "upgrade_persistence"]
    killed = subprocess.run(argv, capture_output=True, check=False, timeout=120)
    assert killed.returncode == -9, killed.stderr
    tell(LEFT, WITHIN if "+" in kill.moment else state_of(server))
    done = site.cli("run", timeout=240)
    assert done.returncode == 0, done.stderr
    assert "prove-controller" in done.stderr
    assert "NOT PROVEN" not in done.stderr
    check_end(older, kill, before)


_FLOWS = [
    *cases((None, 1), (CHAIN[-2], 1)),
    *cases((None, 5), (CHAIN[-2], 5), marks=pytest.mark.long),
]


@pytest.mark.parametrize("kill", _FLOWS)
def test_whole_flow_after_a_kill(
    make_site: Callable[..., Site],
    templates: dict[str, list[str]],
    kill: Kill,
    record_property: Tell,
) -> None:
    """After a kill, ``amphv2-bootstrap run`` succeeds and keeps all rows."""
    site = make_site(hosts=("ctl1",))
    older = OlderSchema(site.mariadb, templates)
    check_whole_flow(site, older, kill, record_property)


def test_eight_processes(prepared: Target, older: OlderSchema) -> None:
    """Eight processes upgrade at once and succeed; one of them does the work."""
    ended = [
        finish(process)
        for process in [start(settings) for settings in hosts(prepared, 8)]
    ]
    last = sorted(one.output.splitlines()[-1] for one in ended)
    assert last == ["changed"] + ["unchanged"] * 7
    made = [
        one
        for one in prepared.mariadb.statements()
        if one.startswith("CREATE TABLE logbooks")
    ]
    assert len(made) == 1
    assert older.tables() == older.tables_at(KNOWN_HEAD)


def hosts(target: Target, count: int) -> Iterator[Settings]:
    for number in range(count):
        folder = target.folder / f"host{number}"
        folder.mkdir()
        yield settings_of(target, folder)


def test_holder_of_the_lock_dies(prepared: Target, older: OlderSchema) -> None:
    """When the process that upgrades is killed, one of the others continues."""
    older.make(CHAIN[-2])
    before = older.fill()
    server = prepared.mariadb
    python = str(find_octavia() / "bin" / "python")
    mark = str(prepared.folder / "stopped")
    stopping = replace(prepared, db_manage=(python, str(KILLER), "3!", mark))
    first, *others = hosts(prepared, 4)
    holder = start(replace(first, db_manage=stopping.db_manage))
    wait_until(
        lambda: "DROP INDEX flowdetails_uuid_idx" in "\n".join(server.statements()),
        what="the first is in the middle",
        state=lambda: "\n".join(server.statements()[-20:]),
    )
    waiting = [start(settings) for settings in others]
    wait_until(
        lambda: (
            server.execute(
                "SELECT COUNT(*) FROM information_schema.PROCESSLIST"
                " WHERE USER = 'octavia' AND STATE = 'User lock'"
            )
            == [(3,)]
        ),
        what="the others wait for it",
        state=lambda: server.execute("SHOW FULL PROCESSLIST"),
    )
    holder.kill()
    finish(holder)
    # Before its effect, one that has waited for long says for whom.
    effects = sorted(finish(process).output.splitlines()[-1] for process in waiting)
    assert effects == ["changed", "unchanged", "unchanged"]
    assert older.tables() == older.tables_at(KNOWN_HEAD)
    assert survived(before, older.rows())
