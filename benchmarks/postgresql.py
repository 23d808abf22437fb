# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL, for DBOS."""

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from tests.servers.process import Server, binary, free_port

USER = "bench"
_ACCOUNT = "postgres"
_PROGRAMS = Path("/usr/lib/postgresql")


class PostgreSQL(Server):
    """One server on loopback in ``folder``; a commit is on disk (fsync is on).

    PostgreSQL refuses to run as root: under root it runs as its package's account.
    """

    def __init__(self, folder: Path) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.password = secrets.token_hex(8)
        self._data = folder / "data"
        self._initialize(folder)
        super().__init__(
            [*_as_account(), _program("postgres"), "-D", str(self._data)],
            log=folder / "log",
            ready=self._answers,
        )

    @property
    def url(self) -> str:
        """SQLAlchemy URL of its first database."""
        account = f"{USER}:{self.password}"
        return f"postgresql+psycopg://{account}@{self.host}:{self.port}/postgres"

    def stop(self) -> None:
        """Shut it down at once in good order; safe to call twice."""
        # After SIGTERM it would wait until every client has disconnected.
        subprocess.run(
            [
                *_as_account(),
                _program("pg_ctl"),
                "stop",
                "-m",
                "fast",
                "-D",
                self._data,
            ],
            capture_output=True,
            check=False,
        )
        super().stop()

    def _initialize(self, folder: Path) -> None:
        password = folder / "password"
        password.touch(mode=0o600)
        password.write_text(self.password)
        if os.geteuid() == 0:
            for path in (folder, password):
                shutil.chown(path, _ACCOUNT, _ACCOUNT)
        subprocess.run(
            [
                *_as_account(),
                _program("initdb"),
                f"--pgdata={self._data}",
                f"--username={USER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
            ],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        with (self._data / "postgresql.auto.conf").open("a") as options:
            options.write(
                f"listen_addresses = '{self.host}'\n"
                f"port = {self.port}\n"
                "unix_socket_directories = ''\n"
                "fsync = on\n"
                "synchronous_commit = on\n"
            )

    def _answers(self) -> bool:
        ask = [_program("pg_isready"), "-h", self.host, "-p", str(self.port)]
        return subprocess.run(ask, capture_output=True, check=False).returncode == 0


def _as_account() -> list[str]:
    if os.geteuid() != 0:
        return []
    ids = [f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--clear-groups"]
    # After a change of account the kernel no longer ends it with its parent.
    return ["setpriv", *ids, "--pdeathsig=QUIT"]


def _program(name: str) -> str:
    """The program's path; Debian keeps it in a folder of its version."""
    found = sorted(_PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: path.parts)
    return str(found[-1]) if found else binary(name)
