# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the conductor takes a right configuration, and keeps its own otherwise."""

import configparser
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import REPOSITORY
from tests.functional.daemon import SERVES, Daemon, ended
from tests.unit.cmd.smallest import write_configuration

RESTARTS = "Restarting to read"
# The file is right when SIGHUP comes, and wrong when the steps have ended.
_CHANGED_MEANWHILE = """\
from amphv2_bootstrap.cmd import daemon
answers = iter([True, False])
daemon._is_right = lambda _: next(answers)
daemon.main()
"""
KEEPS = "The running configuration stays"


@pytest.fixture
def daemon(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Daemon]:
    """At work when the test gets it; its parameter is what Python is to run."""
    program = filter(None, [getattr(request, "param", None)])
    with ended(Daemon(tmp_path, *program)) as daemon:
        daemon.wait_for(lambda log: SERVES in log, "it serves")
        yield daemon


def test_a_wrong_file_changes_nothing(daemon: Daemon, tmp_path: Path) -> None:
    """All its problems are logged, and the conductor works on; a right one is taken."""
    wrong = "[conductor]\nconcurrency = many\npoll_interval = soon\n"
    write_configuration(tmp_path, wrong)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda log: KEEPS in log, "the file is refused")
    daemon.wait_for(
        lambda log: "concurrency" in log and "poll_interval" in log, "each is named"
    )
    assert "has stopped" not in daemon.log
    write_configuration(tmp_path)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda log: log.count(SERVES) == 2, "it serves anew")


def _service() -> configparser.SectionProxy:
    """What the unit of the package says of the service."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.read(REPOSITORY / "etc" / "systemd" / "amphv2-conductor.service")
    return unit["Service"]


def test_systemd_does_not_start_it_again_with_a_wrong_file(tmp_path: Path) -> None:
    """Its exit code is the one that the unit names; after any other it restarts."""
    service = _service()
    assert service["Restart"] == "always"
    wrong = "[conductor]\nconcurrency = many\n"
    with ended(Daemon(tmp_path, more=wrong)) as daemon:
        code = daemon.process.wait(60)
    assert service["RestartPreventExitStatus"].split() == [str(code)], daemon.log
    assert "concurrency" in daemon.log


def test_many_reloads_harm_nothing(daemon: Daemon) -> None:
    """Also those that come while the process is replaced: it serves in the end."""

    def has_restarted_often(log: str) -> bool:
        daemon.process.send_signal(signal.SIGHUP)
        return log.count(RESTARTS) > 3

    daemon.wait_for(has_restarted_often, "it has restarted often")
    daemon.wait_for(lambda log: SERVES in log.rpartition(RESTARTS)[2], "it serves")


@pytest.mark.parametrize("daemon", [("-c", _CHANGED_MEANWHILE)], indirect=True)
def test_a_file_that_goes_wrong_before_the_restart_changes_nothing(
    daemon: Daemon,
) -> None:
    """The conductor has stopped by then: the same process serves again."""
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda log: log.count(SERVES) == 2, "it serves again")
    assert RESTARTS not in daemon.log
