# SPDX-License-Identifier: Apache-2.0
"""A process that runs ``upgrade-persistence-schema`` as a conductor would.

``python -m tests.functional.steps.upgrade_once`` reads :class:`Settings` as JSON from
stdin, and prints the step's effect or the error.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pymysql

from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.steps.cloud.upgrade_persistence_schema import (
    UpgradePersistenceSchema,
)
from tests import REPOSITORY
from tests.functional.steps.target import Target, result_of

_WRITES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Settings:
    """``die_after``: kill the process after so many of its own writes."""

    host: str
    port: int
    root_password: str
    folder: str
    db_manage: tuple[str, ...]
    octavia_python: str
    patience: float = 0.0
    die_after: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def settings_of(target: Target, folder: Path, **more: Any) -> Settings:
    """The same cloud, for another host with that folder."""
    return Settings(
        host=target.mariadb.host,
        port=target.mariadb.port,
        root_password=target.mariadb.root_password,
        folder=str(folder),
        db_manage=target.db_manage,
        octavia_python=str(target.octavia_python),
        **more,
    )


@dataclass(frozen=True)
class Ended:
    """How such a process ended, and its output."""

    returncode: int
    output: str


def start(settings: Settings, within: Sequence[str] = ()) -> "subprocess.Popen[str]":
    """Start one; :func:`finish` waits for its end.

    :param within: the beginning of the command, which chooses a host.
    """
    process = subprocess.Popen(
        [*within, sys.executable, "-m", "tests.functional.steps.upgrade_once"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=REPOSITORY,
    )
    assert process.stdin is not None
    process.stdin.write(settings.to_json())
    process.stdin.close()
    process.stdin = None  # communicate() would use it
    return process


def finish(process: "subprocess.Popen[str]") -> Ended:
    output, _ = process.communicate(timeout=240)
    return Ended(process.returncode, output)


def die_after(writes: int) -> None:
    """Kill this process after so many writes."""
    execute: Callable[..., int] = pymysql.cursors.Cursor.execute
    done = 0

    def counted(self: Any, query: str, args: Any = None) -> int:
        nonlocal done
        result = execute(self, query, args)
        done += query.lstrip().upper().startswith(_WRITES)
        if done == writes:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    pymysql.cursors.Cursor.execute = counted  # type: ignore[method-assign]


def main() -> None:
    settings = Settings(**json.load(sys.stdin))
    if settings.die_after:
        die_after(settings.die_after)
    server: Any = SimpleNamespace(
        host=settings.host, port=settings.port, root_password=settings.root_password
    )
    target = Target(
        server,
        Path(settings.folder),
        db_manage=tuple(settings.db_manage),
        octavia_python=settings.octavia_python,
    )
    context = target.context(patience=settings.patience)
    try:
        print(result_of(UpgradePersistenceSchema(context)).effect)
    except BootstrapError as exc:
        print(f"{type(exc).__name__}: {exc}")


if __name__ == "__main__":
    main()
