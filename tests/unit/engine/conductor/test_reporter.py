# SPDX-License-Identifier: Apache-2.0
"""The reporter, on a real SQLite database, beside a real conductor."""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.engine.conductor import reporter as reporter_module
from amphv2_bootstrap.engine.conductor.reporter import (
    Reporter,
    ReportSource,
)
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage import migrate, schema
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.host_reports import UNREADABLE, HostReports
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.masking import Masker
from tests.servers.process import wait_until
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]


@dataclass
class Source:
    """A host; ``made`` counts its reports."""

    stamp: int = 0
    made: int = 0
    error: Exception | None = None
    gate: threading.Event = field(default_factory=threading.Event)

    def make(self) -> Mapping[str, Any]:
        self.made += 1
        if self.error:
            raise self.error
        return {"made": self.made, "stamp": self.stamp}

    def make_slowly(self) -> Mapping[str, Any]:
        assert self.gate.wait(60)
        return self.make()

    def source(self) -> ReportSource:
        return ReportSource(self.make, lambda: self.stamp)


@pytest.fixture
def reports(tmp_path: Path) -> HostReports:
    database = Database(f"sqlite:///{tmp_path}/reports.sqlite")
    migrate.upgrade(database)
    return HostReports(database, Key)


def _reporter(
    source: ReportSource, reports: HostReports, interval: float = 0.02, **more: float
) -> Reporter:
    owner = ProcessIdentity.of_this_process("c1")
    return Reporter(
        source, reports, owner, "1.2", interval, Masker(["s3cret-text"]), **more
    )


def test_a_report_is_made_when_its_source_has_changed(reports: HostReports) -> None:
    """A report is made at first, then only after a change of the stamp."""
    host = Source()
    reporter = _reporter(host.source(), reports)
    assert [reporter.publish_if_due() for _ in range(3)] == [True, False, False]
    host.stamp = 7
    assert [reporter.publish_if_due() for _ in range(3)] == [True, False, False]
    assert host.made == 2
    (found,) = reports.all()
    assert (found.host, found.version) == ("c1", "1.2")
    assert found.content == {"made": 2, "stamp": 7}


def test_a_report_is_refreshed_without_a_change(reports: HostReports) -> None:
    """A report is made again after a time, even if the stamp stays the same."""
    host = Source()
    reporter = _reporter(host.source(), reports, refresh=0.0)
    assert [reporter.publish_if_due() for _ in range(3)] == [True, True, True]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermanentError("load it", why="line 3"), "load it: line 3"),
        (PermanentError("load it", why="s3cret-text"), "load it: ***"),
        (ZeroDivisionError("s3cret"), "unexpected ZeroDivisionError"),
    ],
)
def test_an_unreadable_host_is_reported(
    reports: HostReports, error: Exception, reason: str
) -> None:
    """The report has the reason, without an unknown error's text, until it is fixed."""
    host = Source(error=error)
    reporter = _reporter(host.source(), reports)
    reporter.publish_if_due()
    content = reports.all()[0].content
    assert reason in content[UNREADABLE]
    assert "s3cret" not in str(content)
    host.error, host.stamp = None, 1
    reporter.publish_if_due()
    assert reports.all()[0].content == {"made": 2, "stamp": 1}


def test_a_database_that_is_away_is_asked_again(reports: HostReports) -> None:
    """A report that was not made or published for want of the database is still due."""
    host = Source(error=DatabaseUnavailableError("read", why="away"))
    reporter = _reporter(host.source(), reports)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailableError):
            reporter.publish_if_due()
    assert reports.all() == []
    host.error = None
    assert reporter.publish_if_due()


def test_the_thread_goes_on_after_errors(reports: HostReports) -> None:
    """It publishes as soon as it can, and soon after a change, until it is stopped."""
    host = Source(error=DatabaseUnavailableError("read", why="away"))
    reporter = _reporter(host.source(), reports)
    reporter.start()
    wait_until(lambda: host.made > 2, what="it has tried again")
    host.error = None
    wait_until(reports.all, what="it has published")
    host.stamp = 1
    wait_until(
        lambda: reports.all()[0].content["stamp"] == 1,
        what="it has published the change",
        state=reports.all,
    )
    reporter.stop()
    assert not reporter._thread.is_alive()


def test_the_thread_outlives_a_stamp_that_fails(reports: HostReports) -> None:
    """Whatever the source raises, the next look is made."""
    host, looks = Source(), iter([ZeroDivisionError("not foreseen")])

    def stamp() -> int:
        for error in looks:
            raise error
        return host.stamp

    reporter = _reporter(ReportSource(host.make, stamp), reports)
    reporter.start()
    wait_until(reports.all, what="it has published")
    reporter.stop()


def test_waking_makes_it_publish_at_once(reports: HostReports) -> None:
    """A change is published at once, however long the interval is."""
    host = Source()
    reporter = _reporter(host.source(), reports, interval=3600.0)
    reporter.start()
    wait_until(lambda: host.made == 1, what="it has published")
    host.stamp = 1
    reporter.wake()
    wait_until(lambda: host.made == 2, what="it has published again")
    reporter.stop()


def test_no_flow_waits_for_a_report(
    make_cloud: MakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flow is done, and the conductor ends, while a report hangs."""
    monkeypatch.setattr(reporter_module, "_JOIN_SECONDS", 0.1)
    cloud = make_cloud(main=["a"])
    host = Source()
    conductor = cloud.conductor()
    source = ReportSource(host.make_slowly, lambda: host.stamp)
    reporter = _reporter(source, HostReports(cloud.database, Key))
    conductor._parts = dataclasses.replace(conductor._parts, reporter=reporter)
    uuid = cloud.post([NewFlowRun("main", 0)])
    thread = threading.Thread(target=conductor.run)
    thread.start()
    cloud.wait_for(uuid, "done")
    conductor.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert host.made == 0
    host.gate.set()


def test_a_report_follows_a_finished_flow(make_cloud: MakeCloud) -> None:
    """What a flow changed on this host is reported soon, not at the next interval."""
    cloud = make_cloud(main=["a"])
    host = Source()
    cloud.flows.actions["a"] = lambda: setattr(host, "stamp", 1)
    conductor = cloud.conductor()
    reports = HostReports(cloud.database, Key)
    reporter = _reporter(host.source(), reports, interval=3600.0)
    conductor._parts = dataclasses.replace(conductor._parts, reporter=reporter)
    thread = threading.Thread(target=conductor.run)
    thread.start()
    wait_until(lambda: host.made == 1, what="the first report")
    cloud.post([NewFlowRun("main", 0)])
    wait_until(lambda: host.made == 2, what="the report after the flow")
    conductor.stop()
    thread.join(30)
    assert reports.all()[0].content == {"made": 2, "stamp": 1}


def test_dead_conductors_are_forgotten(make_cloud: MakeCloud) -> None:
    """A new one deletes those that surely died on its host, or long ago."""
    cloud = make_cloud()
    me = ProcessIdentity.of_this_process("one")
    dead = dataclasses.replace(me, start="1-dead")
    elsewhere = dataclasses.replace(me, machine="00000000")
    old = dataclasses.replace(elsewhere, host="two")
    with cloud.database.write() as connection:
        for owner, age in ((dead, 1), (elsewhere, 1), (old, 8 * 86400)):
            now = cloud.database.now
            connection.execute(
                schema.conductors.insert().values(
                    owner=str(owner),
                    host=owner.host,
                    pid=owner.pid,
                    version="1",
                    started_at=now - age,
                    seen_at=now - age,
                )
            )

    def listed() -> set[str]:
        return {row.owner for row in cloud.store.conductors()}

    with cloud.running("one"):
        wait_until(lambda: str(dead) not in listed(), what="the dead is forgotten")
        found = listed()
        assert str(elsewhere) in found
        assert str(old) not in found
        assert len(found) == 2
