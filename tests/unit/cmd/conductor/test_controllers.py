# SPDX-License-Identifier: Apache-2.0
"""What is known of controllers and conductors from the database."""

import dataclasses
from pathlib import Path

import pytest

from amphv2_bootstrap.cmd.conductor.controllers import controllers
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage import migrate
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.heartbeats import Heartbeats
from amphv2_bootstrap.engine.storage.host_reports import HostReports
from amphv2_bootstrap.engine.storage.store import Store


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path}/engine.sqlite")
    migrate.upgrade(database)
    return database


def test_controllers_are_known_by_reports_and_conductors(database: Database) -> None:
    """The controllers asked for are returned in that order, with what is known."""
    reports = HostReports(database, Key)
    reports.publish("c1", "o", "1.0", {"task_flow": {}})
    reports.publish("c2", "o", "1.1", {"unreadable": "line 3"})
    reports.publish("gone", "o", "1.0", {})
    Heartbeats(database, "c3:1:m:0", 10.0).heartbeat("c3", 1, "1.0")
    names = ("c4", "c3", "c2", "c1")
    c4, c3, c2, c1 = controllers(Store(database), reports.all(), names)
    assert tuple(each.host for each in (c4, c3, c2, c1)) == names
    assert (c4.seen_ago, c4.content) == (None, None)
    assert c3.seen_ago is not None
    assert (c3.content, c3.unreadable) == (None, None)
    assert (c2.content, c2.unreadable, c2.version) == (None, "line 3", "1.1")
    assert (c1.content, c1.unreadable) == ({"task_flow": {}}, None)


def test_a_conductor_that_does_not_report_does_not_count(database: Database) -> None:
    """A host without a recent report is silent, even if its conductor is alive."""
    reports = HostReports(database, Key)
    reports.publish("c1", "o", "1.0", {})
    (report,) = reports.all()
    old = dataclasses.replace(report, age=1800.0)
    Heartbeats(database, "c1:1:m:0", 10.0).heartbeat("c1", 1, "1.0")
    (found,) = controllers(Store(database), [old], ("c1",))
    assert (found.seen_ago, found.is_silent) == (1800.0, True)
