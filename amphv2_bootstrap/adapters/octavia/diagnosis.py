# SPDX-License-Identifier: Apache-2.0
"""What a broken link of Octavia's jobboard means, and what to do about it."""

import re
from collections.abc import Sequence

from amphv2_bootstrap.adapters.mysql.errors import (
    ACCESS_DENIED,
    DATABASE_DENIED,
    TRANSIENT,
    UNKNOWN_DATABASE,
)
from amphv2_bootstrap.adapters.octavia.program_runner import Cause, Told
from amphv2_bootstrap.errors import PermanentError, TransientError

_ATTEMPTS = {
    "configuration": "load Octavia's configuration",
    "persistence": "connect to Octavia's persistence database",
    "schema": "look at the tables of Octavia's persistence",
    "jobboard-driver": "load Octavia's jobboard driver",
    "jobboard-connect": "connect to Octavia's jobboard",
    "post": "post a job as Octavia does",
    "claim": "claim a job as Octavia does",
    "expiry": "let the claim of a dead owner expire",
    "takeover": "take a dead owner's job over",
    "flow": "run a flow as Octavia does",
    "consume": "consume a job as Octavia does",
    "cleanup": "remove what the canary made",
}
_ADVICE = {
    "configuration": "Correct the file; Octavia's services can't start with it either.",
    "persistence": "Correct persistence_connection in [task_flow].",
    "schema": "Bring the tables to Octavia's head: amphv2-bootstrap post-job, or "
    "octavia-db-manage upgrade_persistence.",
    "jobboard-driver": "Install taskflow's extra of that backend in Octavia's Python.",
    "jobboard-connect": "Correct the jobboard_ options in [task_flow], or start the "
    "server.",
    "expiry": "Does the server's clock run, and does nothing else renew the claim?",
    "takeover": "Look at the log of octavia-worker, which would meet the same.",
    "cleanup": "Remove it by hand: its name begins with amphv2_canary or holds it.",
}
_MYSQL = {
    ACCESS_DENIED: "Correct the user and the password in persistence_connection, or "
    "create the account for this host.",
    DATABASE_DENIED: "Grant the account all privileges on the database.",
    UNKNOWN_DATABASE: "Create the database: amphv2-bootstrap post-job does.",
    1054: _ADVICE["schema"],
    1142: "Grant the account all privileges on the database.",
    1146: _ADVICE["schema"],
}
_WORDS: tuple[tuple[str, str], ...] = (
    (
        "ScratchRefusedError",
        "To have it proven, allow the user what begins with NAMESPACE_amphv2_canary_, "
        "too.",
    ),
    ("NoAuthError", "Let Octavia create and delete nodes there."),
    (
        "NoPermissionError|user executing the script|NOPERM",
        "Allow the user all that Octavia does: keys NAMESPACE:* with the commands "
        "+@read +@write +@transaction +@scripting +@connection +info.",
    ),
    (
        "AuthenticationError|AuthenticationWrongNumber|NOAUTH|WRONGPASS",
        "Correct jobboard_backend_username and jobboard_backend_password, or those "
        "of Sentinel.",
    ),
    ("ReadOnlyError", "Configure the address of the master, or use Sentinel."),
    ("OutOfMemoryError", "Raise Redis' maxmemory, or remove what else is kept there."),
    ("MasterNotFoundError", "Correct jobboard_redis_sentinel, hosts and port."),
    ("SSL|CERTIFICATE", "Correct the TLS options, or the server's certificate."),
    ("InvalidResponse", "Make sure that host and port are those of the server."),
)
_TRANSIENT = (
    "redis.exceptions.ConnectionError",
    "redis.exceptions.TimeoutError",
    "redis.exceptions.BusyLoadingError",
    "etcd3gw.exceptions.ConnectionFailedError",
    "etcd3gw.exceptions.ConnectionTimeoutError",
    "kazoo.handlers.threading.KazooTimeoutError",
    "kazoo.exceptions.ConnectionLoss",
    "InterruptedRunError",
)
_WRAPPERS = ("taskflow.", "sqlalchemy.", "tenacity.", "builtins.RuntimeError")
_TELL_ALL = ("BrokenLinkError", "InterruptedRunError", "ScratchRefusedError")
"""Errors of the programs themselves: their words are whole sentences."""


class UnprovenError(PermanentError):
    """The user may do all on Octavia's own namespace, and nothing beside it."""


class MissingLibraryError(PermanentError):
    """Octavia's Python can't import its jobboard driver."""


def verdict(
    told: Told, python: str, files: Sequence[str]
) -> PermanentError | TransientError:
    """The error for a run that told of a broken link; without secrets."""
    link = told.broken or "configuration"
    cause = _cause(told.chain)
    kinds = " ".join(f"{each.type} {each.text}" for each in told.chain)
    kind: type[PermanentError] | type[TransientError] = PermanentError
    if "ScratchRefusedError" in kinds:
        kind = UnprovenError
    elif link == "jobboard-driver" and re.search("ImportError|ModuleNotFound", kinds):
        kind = MissingLibraryError
    elif any(name in kinds for name in _TRANSIENT) or _code(cause) in TRANSIENT:
        kind = TransientError
    left = f"; it left behind {', '.join(told.left)}" if told.left else ""
    return kind(
        f"{_ATTEMPTS.get(link, link)} (link {link})",
        on=f"{' with '.join(files)}, by {python}",
        why=_words(cause) + left,
        todo=_advice(link, cause, kinds),
    )


def _cause(chain: Sequence[Cause]) -> Cause:
    """The first that isn't only a wrapper: the library's words on the server's."""
    found = [one for one in chain if not one.type.startswith(_WRAPPERS)]
    return (found or list(chain) or [Cause("", "no reason told")])[0]


def _code(cause: Cause) -> int:
    found = re.match(r"\((\d{4}), ", cause.text)
    return int(found[1]) if found and cause.type.startswith("pymysql.") else 0


def _words(cause: Cause) -> str:
    name = cause.type.rpartition(".")[2]
    if name in _TELL_ALL:
        return cause.text
    return f"{name}: {cause.text}" if cause.text else name


def _advice(link: str, cause: Cause, kinds: str) -> str:
    if link == "configuration" and "ModuleNotFound" in kinds:
        return "Check the [octavia] python option: it must be Octavia's interpreter."
    code = _code(cause)
    if code:
        return _MYSQL.get(code) or TRANSIENT.get(code) or _ADVICE["persistence"]
    if link not in ("configuration", "persistence", "schema", "jobboard-driver"):
        for words, todo in _WORDS:
            if re.search(words, kinds):
                return todo
    return _ADVICE.get(link, _ADVICE["jobboard-connect"])
