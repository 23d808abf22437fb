# SPDX-License-Identifier: Apache-2.0
"""The private servers of the demonstration: see demo.py."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pymysql
from interruption import heed

PATIENCE = 90.0
"""Seconds that any wait may take."""


class DemoError(Exception):
    """The demo can't go on."""


@contextlib.contextmanager
def mariadb_at(folder: Path, port: int, password: str) -> Iterator[None]:
    """A private MariaDB; ``password`` is root's."""
    (folder / "tmp").mkdir(parents=True)
    # A starting server removes all temporary tables from its tmpdir.
    places = [f"--datadir={folder}/data", f"--tmpdir={folder}/tmp"]
    # mariadbd runs as root only with this option.
    user = [] if os.geteuid() else ["--user=root"]
    run(
        program("mariadb-install-db"),
        "--no-defaults",
        *places,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        *user,
    )
    argv = [
        program("mariadbd"),
        "--no-defaults",
        *places,
        f"--socket={folder}/s",
        f"--pid-file={folder}/pid",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--innodb-buffer-pool-size=32M",
        *user,
    ]

    def connect() -> "pymysql.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(unix_socket=f"{folder}/s", user="root")

    with server(argv, folder / "log", lambda: connect().close()):
        connection = connect()
        with connection.cursor() as cursor:
            cursor.execute("SELECT user, host FROM mysql.user")
            for name, host in cursor.fetchall():
                if not name:
                    cursor.execute("DROP USER %s@%s", (name, host))
            cursor.execute(
                "SET PASSWORD FOR root@localhost = PASSWORD(%s)", (password,)
            )
        connection.close()
        yield


@contextlib.contextmanager
def redis_at(folder: Path, port: int, password: str) -> Iterator[None]:
    """A private Redis with a password, kept on disk."""
    folder.mkdir()
    config = folder / "redis.conf"
    config.touch(mode=0o600)
    config.write_text(
        f"bind 127.0.0.1\nport {port}\ndir {folder}\nappendonly yes\n"
        f"maxmemory-policy noeviction\nrequirepass {password}\n"
    )

    def connect() -> None:
        socket.create_connection(("127.0.0.1", port), 1).close()

    with server([program("redis-server"), str(config)], folder / "log", connect):
        yield


def run(*argv: str) -> str:
    """What a program prints.

    :raises DemoError: the program failed.
    :raises InterruptionError: a signal came meanwhile, perhaps to the program, too.
    """
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    heed()
    if done.returncode:
        raise DemoError(f"{Path(argv[0]).name}: {done.stderr or done.stdout}")
    return done.stdout


@contextlib.contextmanager
def server(argv: list[str], log: Path, probe: Callable[[], None]) -> Iterator[None]:
    """A server that answers; it is stopped at the end.

    It has its own session, so that signals of the terminal reach only the demo, which
    stops the servers after their clients.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for_answer(process, log, probe)
        yield
    finally:
        stop(process)


def stop(*processes: "subprocess.Popen[bytes]") -> None:
    """SIGTERM to all of them at once; SIGKILL after 20 s."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_answer(
    process: "subprocess.Popen[bytes]", log: Path, probe: Callable[[], None]
) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        heed()
        try:
            probe()
        except (OSError, pymysql.MySQLError) as exc:
            if process.poll() is not None or time.monotonic() > deadline:
                text = log.read_text(errors="replace")[-1500:]
                raise DemoError(f"{process.args}: {exc}\n{text}") from exc
            time.sleep(0.05)
        else:
            return


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/bin")
    if found is None:
        raise DemoError(f"{name} is not installed; see bindep.txt")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
