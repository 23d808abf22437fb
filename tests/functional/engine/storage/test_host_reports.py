# SPDX-License-Identifier: Apache-2.0
"""Reports of hosts in a real database."""

import threading
import time

import pytest

from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage import migrate, schema
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.host_reports import UNREADABLE, HostReports
from tests.functional.engine.conftest import OpenDatabase


@pytest.fixture
def database(open_database: OpenDatabase) -> Database:
    database = open_database()
    migrate.upgrade(database)
    return database


def test_the_newest_report_of_each_host_is_kept(database: Database) -> None:
    """A report replaces the host's former one, whichever conductor made it."""
    reports = HostReports(database, Key)
    reports.publish("c2", "c2:1:m:0", "0.1", {"of": "c2"})
    reports.publish("c1", "c1:1:m:0", "0.1", {"of": "old"})
    reports.publish("c1", "c1:2:m:0", "0.2", {"of": ["new", None, "é\U0001f600"]})
    first, second = reports.all()
    assert (first.host, first.owner, first.version) == ("c1", "c1:2:m:0", "0.2")
    assert first.content == {"of": ["new", None, "é\U0001f600"]}
    assert second.content == {"of": "c2"}
    assert 0 <= first.age <= second.age
    assert abs(first.reported_at - time.time()) < 60


@pytest.mark.parametrize(
    "change",
    [
        {"report": '{"of": "evil"}'},
        {"version": "9"},
        {"owner": "c2:1:m:0"},
        {"clock_offset": 0.5},
        {"host": "c2"},
        {},
    ],
    ids=lambda change: ", ".join(change) or "another key",
)
def test_nothing_in_a_changed_report_is_relied_on(
    change: dict[str, object], database: Database
) -> None:
    """Its seal holds for all that it says, and for this host's secrets only."""
    reports = HostReports(database, lambda salt: Key(b"a" + salt), clock=lambda: 0.0)
    reports.publish("c1", "c1:1:m:0", "0.1", {"of": "c1"})
    if change:
        with database.write() as connection:
            connection.execute(schema.host_reports.update().values(change))
    else:
        reports = HostReports(database, lambda salt: Key(b"b" + salt))
    (report,) = reports.all()
    assert [*report.content] == [UNREADABLE]


def test_a_report_may_be_long(database: Database) -> None:
    """A report may be longer than MySQL's TEXT."""
    HostReports(database, Key).publish("c1", "o", "0.1", {"x": "y" * 70_000})
    assert len(HostReports(database, Key).all()[0].content["x"]) == 70_000


@pytest.mark.parametrize("ahead", [0.0, 40.0, -3600.0])
def test_the_clock_is_compared_with_the_databases(
    database: Database, ahead: float
) -> None:
    """The report has by how much the host's clock is ahead."""
    reports = HostReports(database, Key, clock=lambda: time.time() + ahead)
    reports.publish("c1", "o", "0.1", {})
    # Both are this machine's clock; an answer may be late, but by less than 2 s.
    assert reports.all()[0].clock_offset == pytest.approx(ahead, abs=2)


def test_a_constant_is_the_same_for_all(open_database: OpenDatabase) -> None:
    """The first host chooses it, even if all ask at once."""
    migrate.upgrade(open_database())
    start, found = threading.Barrier(4), []

    def ask(number: int) -> None:
        reports = HostReports(open_database(), Key)
        start.wait(30)
        found.append(reports.constant("salt", lambda: f"of {number}"))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 4
    assert len(set(found)) == 1
    again = HostReports(open_database(), Key)
    assert again.constant("salt", lambda: "another") == found[0]
    assert again.constant("other", lambda: "another") == "another"
