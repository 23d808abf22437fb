# SPDX-License-Identifier: Apache-2.0
"""Runs octavia-db-manage, which makes taskflow's persistence schema.

Its exit code proves nothing (it is 0 even for a database in memory), so callers must
check the tables afterwards.
"""

import contextlib
import dataclasses
import fcntl
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.mysql.database_url import with_password
from amphv2_bootstrap.adapters.mysql.named_locks import IDLE_SECONDS
from amphv2_bootstrap.adapters.mysql.sessions import LOCK_WAIT_SECONDS
from amphv2_bootstrap.adapters.octavia import program_runner
from amphv2_bootstrap.adapters.octavia.interpreter import (
    OVERLAY,
    carried,
    find_python,
    is_command,
)
from amphv2_bootstrap.adapters.schema import own_migrations
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.masking import Masker
from amphv2_bootstrap.spec.model import HostSettings, has_control_character
from amphv2_bootstrap.spec.server_errors import mysql as server_errors

_SERVER_ERROR = re.compile(r"\((\d{4}), (.*)")
_LAST_OUTPUT = "Its last output: "  # as in commands.run
_SHOWN_LINES = 10
_GRACE = 10.0
"""Seconds for the end of octavia-db-manage in a container after a cancellation."""
_LONG_OUTPUT = 2000
_LOG_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ \d+ [A-Z]+ \S+ (?:\[.*?\] )?")
# Matches "pymysql.err.OperationalError: (1050, ..." but no warning.
_ERROR = re.compile(r"\(\d{4}, |^[\w.]*(?:Error|Exception|Failure|Refused)\b")
_LOCK_NOT_ACQUIRED = 1242  # the server's error for the two rows in guarded()


@dataclass(frozen=True, slots=True)
class Completed:
    """How a run ended. ``output`` has the lines about errors, without secrets.

    ``transient``: the database was unreachable or busy, or a signal killed the run.
    ``advice``: what to do about the server's error in the output, if that is known.
    """

    returncode: int
    output: str
    transient: bool
    advice: str = ""


def guarded(url: DatabaseUrl, lock: str | None, seconds: int) -> DatabaseUrl:
    """The URL with an ``init_command`` that binds the session and takes a named lock.

    The server ends the session soon if its client is gone without a FIN. The connection
    that changes the schema holds the lock as long as it exists, even if its client was
    killed. taskflow keeps its only connection in a pool, so it doesn't lock itself out.
    If the lock isn't free within ``seconds``, connecting fails with error 1242.

    :param lock: a name of :func:`.named_locks.lock_name`; None where the server
        refuses such locks.
    """
    command = (
        f"SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS},"
        f" wait_timeout = {IDLE_SECONDS}"
    )
    if lock is not None:
        if not re.fullmatch(r"[\w:-]{1,64}", lock, re.ASCII):
            raise ValueError(f"not a lock's name: {lock}")
        command += (
            f", @amphv2_lock = IF(GET_LOCK('{lock}', {seconds}) = 1, 1,"
            " (SELECT 1 UNION SELECT 2))"
        )
    return dataclasses.replace(url, query={**url.query, "init_command": command})


def upgrade_persistence(
    host: HostSettings,
    url: DatabaseUrl,
    password: str | None,
    *,
    masker: Masker,
    cancelled: threading.Event,
) -> Completed:
    """Run ``upgrade_persistence`` with Octavia's configuration, overridden by ``url``.

    :raises TransientError: it didn't end within ``host.db_manage_timeout`` seconds.
    :raises PermanentError: it can't be started.
    :raises CancelledError: ``cancelled`` was set.
    """
    remove_orphans(Path(host.state_path))
    with overlay(Path(host.state_path), with_password(url, password)) as file:
        argv, stdin = _command(host, (host.config_file, str(file)))
        grace = _GRACE if stdin else 0.0
        return _run(argv, stdin, host.db_manage_timeout, masker, cancelled, grace)


def run_own_migrations(
    url: DatabaseUrl,
    password: str | None,
    revision: str,
    *,
    timeout: float,
    masker: Masker,
    cancelled: threading.Event,
) -> Completed:
    """Run the migrations of our own taskflow up to ``revision``, in our own Python.

    Errors are those of :func:`upgrade_persistence`.
    """
    stdin = own_migrations.request(with_password(url, password), revision)
    return _run(own_migrations.command(), stdin, timeout, masker, cancelled)


def _run(
    argv: Sequence[str],
    stdin: str,
    timeout: float,
    masker: Masker,
    cancelled: threading.Event,
    grace: float = 0.0,
) -> Completed:
    try:
        completed = commands.run(
            argv, timeout=timeout, cancelled=cancelled, stdin=stdin, grace=grace
        )
    except (TransientError, PermanentError) as exc:
        raise type(exc)(
            exc.attempted,
            on=exc.on,
            why=masker.text(exc.why),
            todo=_LAST_OUTPUT
            + error_lines(exc.todo.removeprefix(_LAST_OUTPUT), masker),
        ) from None
    output = completed.stdout + completed.output
    away, advice = _judged(output)
    return Completed(
        completed.returncode,
        error_lines(completed.output, masker),
        completed.returncode < 0 or away,
        advice,
    )


def _command(host: HostSettings, files: tuple[str, str]) -> tuple[tuple[str, ...], str]:
    """The command and its stdin; in a container, the files travel by stdin."""
    python = find_python(host.db_manage_command)
    if python is None or not is_command(python):
        options = [word for file in files for word in ("--config-file", file)]
        return (*host.db_manage_command, *options, "upgrade_persistence"), ""
    python = host.octavia_python or python
    texts = carried(python, files)
    stdin = program_runner.request(files, host.db_manage_timeout, 0.0, texts)
    return program_runner.command(python, "upgrading"), stdin


def _judged(output: str) -> tuple[bool, str]:
    """Whether the server's errors in the output may pass, and what to do about them."""
    refused = tls.advice(output)
    if refused:
        return False, refused
    found = [(int(code), text) for code, text in _SERVER_ERROR.findall(output)]
    away = any(
        code == _LOCK_NOT_ACQUIRED or server_errors.is_transient(code, text)
        for code, text in found
    )
    known = (server_errors.advice(code, text) for code, text in found)
    return away, next(filter(None, known), "")


def error_lines(output: str, masker: Masker) -> str:
    """The lines of a program's output that name an error, else the last lines.

    They hold no secret. The first line of a long output is dropped, since it may begin
    inside a secret.
    """
    lines = masker.text(output).strip().splitlines()
    if len(output) > _LONG_OUTPUT:
        del lines[0]
    plain = dict.fromkeys(_LOG_PREFIX.sub("", line).rstrip() for line in lines)
    errors = [line for line in plain if _ERROR.search(line)]
    return "\n".join((errors or list(plain))[-_SHOWN_LINES:])


def overlay(folder: Path, connection: str) -> contextlib.AbstractContextManager[Path]:
    """:func:`options_overlay` with the connection alone."""
    text = connection.replace("$", "$$")
    return options_overlay(folder, {"persistence_connection": text})


@contextlib.contextmanager
def options_overlay(folder: Path, options: Mapping[str, str]) -> Iterator[Path]:
    """A private file with options of ``[task_flow]`` that exists within the block.

    A lock on it distinguishes it from a file that a killed run left.

    :param options: values with ``$`` doubled.
    :raises PermanentError: it can't be written.
    """
    for name, value in options.items():
        if has_control_character(name + value):
            raise PermanentError(
                "write a private configuration file",
                on=str(folder),
                why=f"{name} has a line break or another control character",
                todo="Correct it in amphv2-bootstrap.conf or octavia.conf.",
            )
    text = "[task_flow]\n" + "".join(f"{n} = {v}\n" for n, v in options.items())
    # The caller has checked that the server answers; by default oslo.db retries for
    # minutes. No program of root fetches options from a server that a file names.
    text += "[database]\nmax_retries = 1\n[DEFAULT]\nconfig_source =\n"
    try:
        descriptor, path = _locked_file(folder)
    except OSError as exc:
        raise PermanentError(
            "write a private configuration file",
            on=str(folder),
            why=exc.strerror or str(exc),
            todo="Make the folder of state_path writable for this program.",
        ) from exc
    try:
        os.write(descriptor, text.encode())
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked_file(folder: Path) -> tuple[int, Path]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        descriptor, name = tempfile.mkstemp(".conf", OVERLAY, folder)  # 0600
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)  # removed as an orphan before it was locked


def remove_orphans(folder: Path) -> None:
    """Remove overlay files of killed runs."""
    for path in folder.glob(f"{OVERLAY}*.conf"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)
