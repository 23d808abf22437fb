# SPDX-License-Identifier: Apache-2.0
"""Errors and advice for chains that real libraries gave."""

import pytest

from amphv2_bootstrap.adapters.octavia.diagnosis import (
    MissingLibraryError,
    UnprovenError,
    verdict,
)
from amphv2_bootstrap.adapters.octavia.program_runner import Cause, Result
from amphv2_bootstrap.errors import PermanentError, TransientError

_WRAPPED = Cause("taskflow.exceptions.JobFailure", "Failed to communicate with redis")


def _chain(*pairs: tuple[str, str]) -> tuple[Cause, ...]:
    return tuple(Cause(kind, text) for kind, text in pairs)


CASES = (
    (
        "persistence",
        _chain(
            ("sqlalchemy.exc.OperationalError", "(pymysql...) (1045, ...)"),
            ("pymysql.err.OperationalError", "(1045, \"Access denied for user 'o'\")"),
        ),
        PermanentError,
        "OperationalError: (1045, \"Access denied for user 'o'\")",
        "Correct the user and the password in persistence_connection",
    ),
    (
        "persistence",
        _chain(
            ("sqlalchemy.exc.OperationalError", "(2003, ...)"),
            ("pymysql.err.OperationalError", '(2003, "Can\'t connect")'),
        ),
        TransientError,
        "(2003, ",
        "host and port",
    ),
    (
        "persistence",
        _chain(
            ("sqlalchemy.exc.OperationalError", "(2003, ...)"),
            (
                "pymysql.err.OperationalError",
                "(2003, \"Can't connect to MySQL server on 'db' ([SSL: "
                "CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has "
                'expired (_ssl.c:1006))")',
            ),
        ),
        PermanentError,
        "certificate has expired",
        "renew it",
    ),
    (
        "jobboard-connect",
        (
            _WRAPPED,
            *_chain(
                (
                    "redis.exceptions.ConnectionError",
                    "Error 1 connecting to kv1:6379. [SSL: CERTIFICATE_VERIFY_FAILED] "
                    "certificate verify failed: self-signed certificate in chain",
                ),
            ),
        ),
        PermanentError,
        "self-signed",
        "ssl_ca_certs",
    ),
    (
        "post",
        _chain(
            ("taskflow.exceptions.StorageFailure", "Failed saving logbook"),
            ("sqlalchemy.exc.OperationalError", "..."),
            ("pymysql.err.OperationalError", "(1054, \"Unknown column 'x'\")"),
        ),
        PermanentError,
        "Unknown column",
        "upgrade_persistence",
    ),
    (
        "jobboard-connect",
        (_WRAPPED, *_chain(("redis.exceptions.AuthenticationError", "WRONGPASS ..."))),
        PermanentError,
        "AuthenticationError: WRONGPASS",
        "jobboard_backend_password",
    ),
    (
        "claim",
        (_WRAPPED, *_chain(("redis.exceptions.ConnectionError", "Error 111"))),
        TransientError,
        "ConnectionError: Error 111",
        "Start the server",
    ),
    (
        "post",
        _chain(
            (
                "amphv2_programs.own_rights.ScratchRefusedError",
                "Octavia's user may use octavia_jobboard and nothing beside it",
            ),
            ("redis.exceptions.NoPermissionError", "No permissions to access a key"),
        ),
        UnprovenError,
        "): Octavia's user may use octavia_jobboard and nothing beside it",
        "NAMESPACE_amphv2_canary_",
    ),
    (
        "post",
        (
            _WRAPPED,
            *_chain(
                (
                    "redis.exceptions.NoPermissionError",
                    "this user has no permissions to run the 'incrby' command",
                )
            ),
        ),
        PermanentError,
        "run the 'incrby' command",
        "Allow the user all that Octavia does",
    ),
    (
        "claim",
        (
            _WRAPPED,
            *_chain(
                (
                    "redis.exceptions.ResponseError",
                    "The user executing the script can't run this command",
                )
            ),
        ),
        PermanentError,
        "executing the script",
        "Allow the user all that Octavia does",
    ),
    (
        "jobboard-connect",
        (_WRAPPED, *_chain(("kazoo.exceptions.NoAuthError", "in /octavia_jobboard"))),
        PermanentError,
        "NoAuthError: in /octavia_jobboard",
        "to create nodes there",
    ),
    (
        "jobboard-driver",
        _chain(("builtins.ModuleNotFoundError", "No module named 'kazoo'")),
        MissingLibraryError,
        "No module named 'kazoo'",
        "Install taskflow's extra",
    ),
    (
        "jobboard-connect",
        _chain(("builtins.AttributeError", "'int' object has no attribute 'decode'")),
        MissingLibraryError,
        "AttributeError: 'int' object",
        "Install kazoo!=2.11.0 in Octavia's Python",
    ),
    (
        "configuration",
        _chain(("builtins.ModuleNotFoundError", "No module named 'octavia'")),
        PermanentError,
        "No module named 'octavia'",
        "[octavia] python",
    ),
    (
        "expiry",
        _chain(("amphv2_programs.reporting.InterruptedRunError", "its time is over")),
        TransientError,
        "its time is over",
        "Check that the server's clock runs",
    ),
    (
        "schema",
        _chain(("amphv2_programs.reporting.BrokenLinkError", "the table x is missing")),
        PermanentError,
        "): the table x is missing",
        "post-job",
    ),
    ("consume", (), PermanentError, "no reason reported", "jobboard_ options"),
)


@pytest.mark.parametrize(("link", "chain", "kind", "why", "todo"), CASES)
def test_verdict(
    link: str, chain: tuple[Cause, ...], kind: type[Exception], why: str, todo: str
) -> None:
    """The error names the link, quotes the server, and says what to do."""
    error = verdict(Result(broken=link, chain=chain), "/py", ("/etc/octavia.conf",))
    assert type(error) is kind
    assert f"(link {link})" in str(error)
    assert "/etc/octavia.conf, by /py" in str(error)
    assert why in str(error)
    assert todo in error.todo


def test_remains_are_named() -> None:
    """The error names what the canary could not remove, for the operator."""
    left = ("octavia_jobboard_amphv2_canary_1_2:listings",)
    error = verdict(Result(broken="flow", left=left), "/py", ("/etc/octavia.conf",))
    assert "left behind octavia_jobboard_amphv2_canary_1_2:listings" in error.why
