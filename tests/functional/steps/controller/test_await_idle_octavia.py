# SPDX-License-Identifier: Apache-2.0
"""Waiting for load balancers in a real Octavia's main database."""

import contextlib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.checks.finding import FAILED
from amphv2_bootstrap.checks.jobs import stuck
from amphv2_bootstrap.errors import CancelledError, PermanentError
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.cloud.check_prerequisites import CheckPrerequisites
from amphv2_bootstrap.steps.controller.await_idle_octavia import AwaitIdleOctavia
from amphv2_bootstrap.steps.wanted_options import wanted_options
from tests.functional import canary_cloud as clouds
from tests.functional.steps.controller.main_database import MainDatabase
from tests.functional.steps.target import PASSWORD, result_of
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until
from tests.servers.proxy import Proxy
from tests.unit.steps.controller_host import Controller

EARLIER, LATER = str(uuid.uuid4()), str(uuid.uuid4())


@pytest.fixture
def main(mariadb: MariaDB, tmp_path: Path) -> MainDatabase:
    """Octavia's main database, without load balancers."""
    made = MainDatabase(mariadb, tmp_path)
    made.make()
    return made


@pytest.fixture
def controller(main: MainDatabase, tmp_path: Path) -> Controller:
    """A controller with that database in its octavia.conf, and without the jobboard."""
    folder = tmp_path / "host"
    folder.mkdir()
    made = Controller(folder)
    _database(made, main.connection())
    return made


def _database(controller: Controller, connection: str) -> None:
    text = controller.conf.read_bytes()
    options = {"connection": connection}
    controller.conf.write_bytes(conf_file.set_options(text, "database", options))


def _jobboard(controller: Controller, **changed: str) -> None:
    """Write ``[task_flow]`` as it is wanted, but for some options."""
    options = {**wanted_options(controller.context), **changed}
    text = controller.conf.read_bytes()
    controller.conf.write_bytes(conf_file.set_options(text, "task_flow", options))


@contextlib.contextmanager
def _waiting(context: Context) -> Iterator[tuple[Any, list[str]]]:
    """Run the step in a thread: its future, and what it reports."""
    step, reports = AwaitIdleOctavia(context), list[str]()
    step.record_retry = reports.append
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(result_of, step), reports
        finally:
            context.cancelled.set()


def _await(condition: Any, what: str) -> None:
    wait_until(condition, what=what, timeout=120)


def test_it_waits_for_those_that_were_in_work(
    main: MainDatabase, controller: Controller
) -> None:
    """To their end, though their rows change before; and for no later one."""
    main.add(EARLIER)
    main.add(str(uuid.uuid4()), "ACTIVE")
    with _waiting(controller.context) as (running, reports):
        _await(lambda: reports, "it says whom it waits for")
        assert EARLIER in reports[0]
        assert "PENDING_CREATE since " in reports[0]
        main.add(LATER, "PENDING_UPDATE")
        main.set(EARLIER, "PENDING_CREATE")
        seen = main.looks()
        _await(lambda: main.looks() > seen + 1, "it looks again")
        assert not running.done()
        main.set(EARLIER, "ACTIVE")
        result = running.result(timeout=120)
    assert (result.effect, result.warnings) == ("unchanged", ())
    assert EARLIER in result.summary
    assert not [text for text in (*reports, result.summary) if LATER in text]


def test_the_end_of_the_wait_parks_or_restarts(
    main: MainDatabase, controller: Controller
) -> None:
    """``when_busy`` decides; look, error and warning name them, and no secret."""
    main.add(EARLIER, minutes=5)
    controller.settings["idle_timeout"] = 0.0
    seen = AwaitIdleOctavia(controller.context).look()
    assert f"waits for {EARLIER} (PENDING_CREATE" in seen.result.summary
    with pytest.raises(PermanentError, match=f"{EARLIER} .PENDING_CREATE") as caught:
        AwaitIdleOctavia(controller.context).execute()
    assert "when_busy" in caught.value.todo
    assert PASSWORD not in str(caught.value)
    controller.settings["when_busy"] = "restart"
    result = result_of(AwaitIdleOctavia(controller.context))
    assert EARLIER in result.warnings[0]


def test_old_victims_are_named_and_not_waited_for(
    main: MainDatabase, controller: Controller
) -> None:
    """The server says how old they are; verify calls them stuck, too."""
    main.add(EARLIER, minutes=61)
    result = result_of(AwaitIdleOctavia(controller.context))
    assert EARLIER in result.warnings[0]
    assert "'openstack loadbalancer failover ID'" in result.warnings[0]
    controller.settings["stuck_minutes"] = 62.0
    controller.settings["idle_timeout"] = 0.0
    with pytest.raises(PermanentError, match=EARLIER):
        AwaitIdleOctavia(controller.context).execute()


def test_without_a_restart_nothing_is_looked_at(
    main: MainDatabase, controller: Controller
) -> None:
    """The file has all options and no marker is set; a marker asks for a look."""
    _jobboard(controller)
    main.add(EARLIER, minutes=61)
    result = result_of(AwaitIdleOctavia(controller.context))
    assert (result.effect, result.warnings) == ("unchanged", ())
    assert main.looks() == 0
    controller.marker.set()
    assert EARLIER in result_of(AwaitIdleOctavia(controller.context)).warnings[0]


def test_with_a_jobboard_another_worker_resumes(
    main: MainDatabase, controller: Controller
) -> None:
    """Its load balancers aren't waited for; those of another provider are."""
    _jobboard(controller, jobboard_expiration_time="30")
    controller.settings["idle_timeout"] = 0.0
    main.add(EARLIER)
    result = result_of(AwaitIdleOctavia(controller.context))
    assert "the jobboard was enabled before" in result.summary
    main.add(LATER, provider="ovn")
    with pytest.raises(PermanentError, match=LATER) as caught:
        AwaitIdleOctavia(controller.context).execute()
    assert EARLIER not in str(caught.value)


def test_a_refused_login_is_no_obstacle(
    main: MainDatabase, controller: Controller
) -> None:
    """It is a warning, without the password; of ``check-prerequisites``, too."""
    prerequisites = _prerequisites(controller)
    main.add(EARLIER)
    assert "load balancers in PENDING: 1" in prerequisites.act().summary
    main.server.execute("SET PASSWORD FOR octavia@'%' = PASSWORD('another')")
    result = result_of(AwaitIdleOctavia(controller.context))
    assert result.effect == "not-applicable"
    for warning in (result.warnings[0], prerequisites.act().warnings[-1]):
        assert "Access denied" in warning
        assert PASSWORD not in warning


def _prerequisites(controller: Controller) -> CheckPrerequisites:
    program = controller.program("octavia-db-manage", "")
    controller.settings["db_manage_command"] = (program,)
    context = controller.sqlite(controller.folder / "persistence.db")
    return CheckPrerequisites(context, lambda _spec, _secrets: ())


def test_it_survives_an_outage_and_ends_when_it_is_told(
    main: MainDatabase, controller: Controller
) -> None:
    """While the database is away it goes on waiting; a cancelled wait ends at once."""
    proxy = Proxy(main.server.host, main.server.port)
    _database(controller, main.connection(proxy.port))
    main.add(EARLIER)
    context = controller.context
    with _waiting(context) as (running, reports):
        _await(lambda: reports, "it waits")
        proxy.cut()
        _await(lambda: len(reports) > 1, "it says that the database is away")
        proxy.heal()
        seen = main.looks()
        _await(lambda: main.looks() > seen, "it looks again")
        context.cancelled.set()
        with pytest.raises(CancelledError):
            running.result(timeout=120)


def test_a_job_on_the_jobboard_is_resumed(
    main: MainDatabase,
    controller: Controller,
    redis_server: Any,
    mariadb: MariaDB,
    octavia_venv: Path,
    tmp_path: Path,
) -> None:
    """What has a job isn't waited for, however old; verify doesn't call it lost."""
    cloud = clouds.on("redis", redis_server, tmp_path, mariadb, octavia_venv)
    clouds.post(cloud, EARLIER)
    main.add(EARLIER, minutes=61)
    main.add(LATER, minutes=62)
    wanted = clouds.wanted_of(cloud)
    controller.settings["octavia_python"] = cloud.python
    controller.task_flow |= {
        name: wanted[name]
        for name in ("jobboard_backend_port", "jobboard_backend_namespace")
    }
    controller.task_flow["jobboard_backend_hosts"] = ("127.0.0.1",)
    controller.secrets = {"jobboard_backend_password": redis_server.password}
    result = result_of(AwaitIdleOctavia(controller.context))
    (warning,) = result.warnings
    assert LATER in warning
    assert EARLIER not in warning
    _jobboard(controller)
    lost, late = stuck(controller.context)
    assert (LATER in lost.message, EARLIER in late.message) == (True, True)
    assert lost.state == FAILED
    assert "unclaimed" in late.message
