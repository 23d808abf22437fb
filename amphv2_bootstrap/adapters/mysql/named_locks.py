# SPDX-License-Identifier: Apache-2.0
"""Named locks of the server: a guard beside the engine's own fence.

They keep apart runs that share no engine, and they show a session that has lost its
client. A Galera node knows only its own, and some servers refuse them, so
nothing may rely on them alone.
"""

import contextlib
import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator

from amphv2_bootstrap.adapters.mysql.errors import (
    DatabaseRefusalError,
    DatabaseTroubleError,
)
from amphv2_bootstrap.adapters.mysql.sessions import Session
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.spec.server_errors.mysql import LOCKS_REFUSED

IDLE_SECONDS = 10
"""The server ends a session that holds a lock after so many seconds without a
statement. TCP alone would keep that of a host without power for two hours."""

_PING_SECONDS = IDLE_SECONDS / 4
_LAST_PING_SECONDS = 1.0


def lock_name(purpose: str, database: str) -> str:
    """A name for GET_LOCK: at most 64 characters that need no quoting."""
    if not re.fullmatch(r"\w{1,40}", database, re.ASCII):
        database = hashlib.sha256(database.encode()).hexdigest()[:32]
    return f"{purpose}:{database}"


def are_permitted(session: Session) -> bool:
    """Whether the server accepts named locks; leaves none behind."""
    lock = f"amphv2-probe:{secrets.token_hex(8)}"
    if not session.done("SELECT GET_LOCK(%s, 0)", lock, unless=LOCKS_REFUSED):
        return False
    session.rows("SELECT RELEASE_LOCK(%s)", lock)
    return True


@contextlib.contextmanager
def held(
    session: Session, lock: str, seconds: float, on_wait: Callable[[str], None]
) -> Iterator[bool]:
    """Hold a named lock; False, and no lock, where the server refuses such locks.

    From then on the session ends when it is idle for :data:`IDLE_SECONDS`.

    :param lock: see :func:`lock_name`.
    :param on_wait: called with the lock's holder, once it is waited for.
    :raises DatabaseTroubleError: not acquired within ``seconds``.
    :raises CancelledError: the session's step was cancelled first.
    """
    session.rows("SET SESSION wait_timeout = %s", IDLE_SECONDS)
    permitted = _acquire(session, lock, seconds, on_wait)
    try:
        yield permitted
    finally:
        if permitted:
            with contextlib.suppress(BootstrapError):
                session.rows("SELECT RELEASE_LOCK(%s)", lock)


def _acquire(
    session: Session, lock: str, seconds: float, on_wait: Callable[[str], None]
) -> bool:
    deadline, holder = time.monotonic() + seconds, ""
    try:
        while session.value("SELECT GET_LOCK(%s, 1)", lock) != 1:
            session.pause(0)  # unless the step was cancelled
            if not holder:
                on_wait(f"wait for the lock {lock}: {_holder(session, lock)}")
            holder = _holder(session, lock)
            if time.monotonic() > deadline:
                raise _not_acquired(session, lock, holder)
    except DatabaseRefusalError as exc:
        if exc.code in LOCKS_REFUSED:
            return False
        raise
    return True


def _holder(session: Session, lock: str) -> str:
    """The lock's holder, for messages."""
    rows = session.rows(
        "SELECT ID, USER, HOST, COMMAND, TIME FROM information_schema.PROCESSLIST"
        " WHERE ID = IS_USED_LOCK(%s)",
        lock,
    )
    if not rows:
        return "a connection holds it"
    number, user, host, command, seconds = rows[0]
    return (
        f"connection {number} holds it ({user} from {host}, {command} for {seconds} s)"
    )


def _not_acquired(session: Session, lock: str, holder: str) -> DatabaseTroubleError:
    return DatabaseTroubleError(
        f"take the lock {lock}",
        on=session.place,
        why=holder,
        todo=(
            "Another run upgrades the schema: wait for its end. A session of a host "
            f"that is gone ends by itself when it is idle for {IDLE_SECONDS} s; SHOW "
            "FULL PROCESSLIST shows what it does."
        ),
    )


@contextlib.contextmanager
def kept_open(session: Session) -> Iterator[None]:
    """Ping from a thread, so that the server doesn't end a session that waits.

    The body must not use the session. If it ended nevertheless, its next statement
    fails.

    :raises DatabaseTroubleError: the server does not answer.
    """
    ended = threading.Event()

    def ping() -> None:
        with contextlib.suppress(BootstrapError):
            while not ended.wait(_PING_SECONDS):
                session.rows("DO 0")

    pings = threading.Thread(target=ping, name="session-pings", daemon=True)
    pings.start()
    try:
        yield
    finally:
        ended.set()
        pings.join(_LAST_PING_SECONDS)
    if pings.is_alive():
        raise DatabaseTroubleError(
            "keep a session open",
            on=session.place,
            why="the server does not answer",
            todo="Check the server and the network.",
        )
