# SPDX-License-Identifier: Apache-2.0
"""octavia-db-manage: making taskflow's persistence schema.

Its exit code says nothing (it is 0 when it worked on a database in memory):
whoever calls this looks at the tables afterwards.
"""

import contextlib
import dataclasses
import fcntl
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.mysql.database_url import with_password
from amphv2_bootstrap.adapters.mysql.errors import TRANSIENT
from amphv2_bootstrap.adapters.mysql.sessions import LOCK_WAIT_SECONDS
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.masking import Masker
from amphv2_bootstrap.spec.model import HostSettings

_PREFIX = "persistence-overlay-"
_SAID = "Its last output: "  # as commands.run words it
_SHOWN_LINES = 10
_LONG_OUTPUT = 2000
_LOG_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ \d+ [A-Z]+ \S+ (?:\[.*?\] )?")
# "pymysql.err.OperationalError: (1050, ..." and the like; warnings don't count.
_ERROR = re.compile(r"\(\d{4}, |^[\w.]*(?:Error|Exception|Failure|Refused)\b")
_LOCK_NOT_GOT = 1242  # the server's answer to guarded()'s subquery of two rows


@dataclass(frozen=True, slots=True)
class Completed:
    """How a run ended. ``output`` is what it said of errors, without secrets.

    ``transient`` says that the database was away or busy, or that somebody
    killed it.
    """

    returncode: int
    output: str
    transient: bool


def guarded(url: DatabaseUrl, lock: str, seconds: int) -> DatabaseUrl:
    """The URL whose every connection first takes a named lock of the server.

    The connection that changes the schema holds the lock itself, as long as it
    lives: that of a cut-off upgrade, too. taskflow uses one connection at a
    time, which is kept in a pool, so it doesn't lock itself out. Where the lock
    isn't got within ``seconds``, connecting fails with error 1242. An
    ``init_command`` of the URL is replaced.

    :param lock: a name of :func:`amphv2_bootstrap.adapters.mysql.sessions.lock_name`.
    """
    if not re.fullmatch(r"[\w:-]{1,64}", lock, re.ASCII):
        raise ValueError(f"not a lock's name: {lock}")
    command = (
        f"SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}, @amphv2_lock ="
        f" IF(GET_LOCK('{lock}', {seconds}) = 1, 1, (SELECT 1 UNION SELECT 2))"
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
    """Run ``upgrade_persistence`` with the real configuration and ours on top.

    :raises TransientError: it didn't end within ``host.db_manage_timeout``.
    :raises PermanentError: it can't be started.
    :raises CancelledError: ``cancelled`` was set.
    """
    remove_orphans(Path(host.state_path))
    with overlay(Path(host.state_path), with_password(url, password)) as file:
        argv = (*host.db_manage_command, "--config-file", host.config_file)
        argv += ("--config-file", str(file), "upgrade_persistence")
        try:
            completed = commands.run(
                argv, timeout=host.db_manage_timeout, cancelled=cancelled
            )
        except (TransientError, PermanentError) as exc:
            raise type(exc)(
                exc.attempted,
                on=exc.on,
                why=masker.text(exc.why),
                todo=_SAID + telling(exc.todo.removeprefix(_SAID), masker),
            ) from None
    said = completed.stdout + completed.output
    codes = {int(code) for code in re.findall(r"\((\d{4}), ", said)}
    return Completed(
        completed.returncode,
        telling(completed.output, masker),
        completed.returncode < 0 or bool(codes & {*TRANSIENT, _LOCK_NOT_GOT}),
    )


def telling(output: str, masker: Masker) -> str:
    """The lines of a program's output that name an error, without secrets.

    Where there are none, the last lines. The first line of a long output was
    cut, maybe inside a secret: it is left out.
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
    """A private file with options of ``[task_flow]``, as long as the block lasts.

    It is locked meanwhile, which tells it from one that a killed run left.

    :param options: values as they are to be written, ``$`` doubled.
    :raises PermanentError: it can't be written.
    """
    text = "[task_flow]\n" + "".join(f"{n} = {v}\n" for n, v in options.items())
    # We look before whether the server answers; without this it would be tried
    # for minutes on end.
    text += "[database]\nmax_retries = 1\n"
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
        descriptor, name = tempfile.mkstemp(".conf", _PREFIX, folder)  # 0600
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)  # taken for an orphan before we had it locked


def remove_orphans(folder: Path) -> None:
    """Remove overlay files of runs that were killed."""
    for path in folder.glob(f"{_PREFIX}*.conf"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)
