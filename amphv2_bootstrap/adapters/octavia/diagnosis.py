# SPDX-License-Identifier: Apache-2.0
"""Turns a broken link of Octavia's jobboard into an error with advice."""

import re
from collections.abc import Sequence

from amphv2_bootstrap.adapters.octavia.program_runner import (
    UNLOADABLE,
    WRONG_PYTHON,
    Cause,
    Result,
)
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.server_errors import key_value as key_value_errors
from amphv2_bootstrap.spec.server_errors import mysql as server_errors
from amphv2_bootstrap.spec.server_errors.mysql import (
    ACCESS_DENIED,
    DATABASE_DENIED,
)
from amphv2_bootstrap.spec.task_flow_tls import KAZOO_WITHOUT_TLS, OTHER_KAZOO

_ATTEMPTS = {
    "configuration": "load Octavia's configuration",
    "persistence": "connect to Octavia's persistence database",
    "schema": "check the tables of Octavia's persistence",
    "jobboard-driver": "load Octavia's jobboard driver",
    "jobboard-connect": "connect to Octavia's jobboard",
    "post": "post a job as Octavia does",
    "claim": "claim a job as Octavia does",
    "expiry": "let the claim of a dead owner expire",
    "takeover": "take over a dead owner's job",
    "flow": "run a flow as Octavia does",
    "consume": "consume a job as Octavia does",
    "cleanup": "remove what the canary made",
}
_ADVICE = {
    "configuration": UNLOADABLE,
    "persistence": "Correct persistence_connection in [task_flow].",
    "schema": "Upgrade the tables by amphv2-bootstrap post-job, or by "
    "octavia-db-manage upgrade_persistence.",
    "jobboard-driver": "Install taskflow's extra of that backend in Octavia's Python.",
    "jobboard-connect": "Correct the jobboard_ options in [task_flow], or start the "
    "server.",
    "expiry": "Check that the server's clock runs, and that nothing renews the claim.",
    "takeover": "Look at the log of octavia-worker, which has the same problem.",
    "cleanup": "Remove it by hand: its name contains amphv2_canary.",
}
_MYSQL = {
    ACCESS_DENIED: "Correct the user and the password in persistence_connection, or "
    "create the account for this host.",
    DATABASE_DENIED: "Grant the account all privileges on the database.",
    1054: _ADVICE["schema"],
    1142: "Grant the account all privileges on the database.",
    1146: _ADVICE["schema"],
}
_KAZOO_OVER_TLS = "AttributeError 'int' object has no attribute 'decode'"
_WORDS: tuple[tuple[str, str], ...] = (
    (
        "ScratchRefusedError",
        "To allow the proof, grant the user all keys or nodes that begin with "
        "NAMESPACE_amphv2_canary_.",
    ),
    (
        _KAZOO_OVER_TLS,
        f"Install {OTHER_KAZOO} in Octavia's Python: kazoo {KAZOO_WITHOUT_TLS} passes "
        "the port as the host name over TLS.",
    ),
    ("SSL|CERTIFICATE", "Correct the TLS options, or the server's certificate."),
)
_WRAPPERS = ("taskflow.", "sqlalchemy.", "tenacity.", "builtins.RuntimeError")
_OWN_ERRORS = ("BrokenLinkError", "InterruptedRunError", "ScratchRefusedError")
"""Errors of the programs themselves, which need no type in a message."""


class UnprovenError(PermanentError):
    """The user has all rights on Octavia's own namespace, but none beside it."""


class MissingLibraryError(PermanentError):
    """Octavia's Python lacks a usable client library for its jobboard driver."""


def verdict(
    result: Result, python: str, files: Sequence[str]
) -> PermanentError | TransientError:
    """The error for a run with a broken link; without secrets."""
    link = result.broken or "configuration"
    cause = _cause(result.chain)
    kinds = " ".join(f"{each.type} {each.text}" for each in result.chain)
    refused = tls.advice(kinds)
    away = _is_transient(cause, result.chain)
    kind: type[PermanentError] | type[TransientError] = PermanentError
    if "ScratchRefusedError" in kinds:
        kind = UnprovenError
    elif _lacks_library(link, kinds):
        kind = MissingLibraryError
    elif away and not refused:
        kind = TransientError
    left = f"; it left behind {', '.join(result.left)}" if result.left else ""
    return kind(
        f"{_ATTEMPTS.get(link, link)} (link {link})",
        on=f"{' with '.join(files)}, by {python}",
        why=_words(cause) + left,
        todo=refused or _advice(link, cause, result.chain, kinds),
    )


def _lacks_library(link: str, kinds: str) -> bool:
    missing = link == "jobboard-driver" and "ImportError|ModuleNotFound"
    return re.search(missing or _KAZOO_OVER_TLS, kinds) is not None


def _cause(chain: Sequence[Cause]) -> Cause:
    """The first cause that doesn't only wrap a different one."""
    found = [one for one in chain if not one.type.startswith(_WRAPPERS)]
    return (found or list(chain) or [Cause("", "no reason reported")])[0]


def _code(cause: Cause) -> int:
    found = re.match(r"\((\d{4}), ", cause.text)
    return int(found[1]) if found and cause.type.startswith("pymysql.") else 0


def _is_transient(cause: Cause, chain: Sequence[Cause]) -> bool:
    code, rule = _code(cause), _rule(chain)
    if code:
        return server_errors.is_transient(code, cause.text)
    interrupted = any(one.type.endswith("InterruptedRunError") for one in chain)
    return interrupted or (rule is not None and rule.is_transient)


def _rule(chain: Sequence[Cause]) -> key_value_errors.Rule | None:
    return key_value_errors.rule_of_types((one.type, one.text) for one in chain)


def _words(cause: Cause) -> str:
    name = cause.type.rpartition(".")[2]
    if name in _OWN_ERRORS:
        return cause.text
    return f"{name}: {cause.text}" if cause.text else name


def _advice(link: str, cause: Cause, chain: Sequence[Cause], kinds: str) -> str:
    if link == "configuration" and "ModuleNotFound" in kinds:
        return WRONG_PYTHON
    code = _code(cause)
    if code:
        general = server_errors.advice(code, cause.text)
        return _MYSQL.get(code) or general or _ADVICE["persistence"]
    if link not in ("configuration", "persistence", "schema", "jobboard-driver"):
        for words, todo in _WORDS:
            if re.search(words, kinds):
                return todo
        rule = _rule(chain)
        if rule is not None:
            return rule.advice
    return _ADVICE.get(link, _ADVICE["jobboard-connect"])
