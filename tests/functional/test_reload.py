# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the conductor takes a right configuration, and keeps its own otherwise."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.servers.process import wait_until
from tests.unit.cmd.smallest import write_configuration

SERVES = "serves host ctl1"
RESTARTS = "Restarting to read"
# The file is right when SIGHUP comes, and wrong when the steps have ended.
_CHANGED_MEANWHILE = """\
from amphv2_bootstrap.cmd import daemon
answers = iter([True, False])
daemon._is_right = lambda _: next(answers)
daemon.main()
"""
KEEPS = "The running configuration stays"


class Daemon:
    """One ``amphv2-conductor`` on SQLite."""

    def __init__(
        self,
        folder: Path,
        program: Sequence[str] = ("-m", "amphv2_bootstrap.cmd.daemon"),
    ) -> None:
        self._log = folder / "log"
        config = write_configuration(folder)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, "--config-file", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, condition: Callable[[str], object], what: str) -> None:
        """Wait until ``condition`` holds for the log; fail if the process ends."""
        wait_until(lambda: self._holds(condition), what=what, state=lambda: self.log)

    def _holds(self, condition: Callable[[str], object]) -> bool:
        assert self.process.poll() is None, self.log
        return bool(condition(self.log))


@pytest.fixture
def daemon(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Daemon]:
    """At work when the test gets it; its parameter is what Python is to run."""
    daemon = Daemon(tmp_path, *filter(None, [getattr(request, "param", None)]))
    try:
        daemon.wait_for(lambda log: SERVES in log, "it serves")
        yield daemon
    finally:
        with contextlib.suppress(ProcessLookupError):
            daemon.process.send_signal(signal.SIGTERM)
        daemon.process.wait(30)


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
