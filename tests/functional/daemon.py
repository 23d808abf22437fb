# SPDX-License-Identifier: Apache-2.0
"""One ``amphv2-conductor``, and commands beside it, with the smallest configuration."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.servers.process import wait_until
from tests.unit.cmd.smallest import write_configuration

SERVES = "serves host ctl1"


class Daemon:
    """One ``amphv2-conductor``; on SQLite unless ``more`` configuration says else.

    :param arguments: what follows ``program``; run in ``folder``.
    """

    def __init__(
        self,
        folder: Path,
        program: Sequence[str] = ("-m", "amphv2_bootstrap.cmd.daemon"),
        more: str = "",
        arguments: Sequence[str] = ("--config-file", "amphv2-bootstrap.conf"),
    ) -> None:
        self._log = folder / "log"
        write_configuration(folder, more)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, *arguments],
                cwd=folder,
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


def cli(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run ``amphv2-bootstrap`` with the configuration of the daemon in ``folder``."""
    module, config = "amphv2_bootstrap.cmd.main", folder / "amphv2-bootstrap.conf"
    return subprocess.run(
        [sys.executable, "-m", module, "--config-file", str(config), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextlib.contextmanager
def ended(daemon: Daemon) -> Iterator[Daemon]:
    """The daemon, and its process gone afterwards."""
    try:
        yield daemon
    finally:
        with contextlib.suppress(ProcessLookupError):
            daemon.process.send_signal(signal.SIGTERM)
        daemon.process.wait(30)
