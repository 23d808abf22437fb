# SPDX-License-Identifier: Apache-2.0
"""Turns errors of MariaDB, MySQL and PyMySQL into ours."""

import configparser
import contextlib
import re
from collections.abc import Iterator

import pymysql

from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.masking import Masker

ACCESS_DENIED = 1045
DATABASE_DENIED = 1044
UNKNOWN_DATABASE = 1049
DATABASE_EXISTS = 1007
ACCOUNT_FAILED = 1396  # CREATE USER of an existing, DROP USER of a missing account
NO_SUCH_GRANT = 1141
NO_SUCH_TABLE = 1146
LOCK_WAIT_TIMEOUT = 1205
TABLE_SKIPPED = 1684  # by information_schema, while it is changed; a warning
PASSWORD_REFUSED = (1372, 1819)

# https://mariadb.com/kb/en/mariadb-error-codes/
TRANSIENT = {
    1040: "Wait, or raise max_connections.",
    1047: "The node isn't part of a working cluster: check its wsrep status.",
    1053: "The server is shutting down.",
    1129: "The server blocks this host after many errors: run FLUSH HOSTS.",
    1159: "",
    1161: "",
    1203: "Wait, or raise the account's max_user_connections.",
    LOCK_WAIT_TIMEOUT: "Another transaction holds the table: see SHOW PROCESSLIST.",
    1213: "",
    1226: "",
    1290: "The server is read-only: is it a replica, or is a switch-over under way?",
    1317: "",
    1836: "The server is read-only: is it a replica, or is a switch-over under way?",
    1927: "",
    2002: "Is the server running, and is the socket's path right?",
    2003: "Is the server running, and are host and port right?",
    2006: "",
    2013: "",
    2014: "",
    2055: "",
    3024: "",
}
_PERMANENT = {
    ACCESS_DENIED: "Check the user name and the password in the configuration, and "
    f"whether the account demands TLS: {tls.DEMANDS}.",
    DATABASE_DENIED: "The account lacks a privilege on this database: grant it.",
    UNKNOWN_DATABASE: "",
    1142: "The account lacks a privilege: grant it.",
    1227: "The account lacks a privilege: grant it.",
    1410: "The account may not create other accounts: grant it CREATE USER.",
    1819: "Choose a password that the server's password policy accepts.",
}


class DatabaseRefusalError(PermanentError):
    """The server refused; ``code`` is its error number."""

    code = 0


class DatabaseTroubleError(TransientError):
    """The server can't be reached or is busy; ``code`` is its error number."""

    code = 0


@contextlib.contextmanager
def translated(attempted: str, place: str, masker: Masker) -> Iterator[None]:
    """Turn PyMySQL's errors into ours."""
    try:
        yield
    except pymysql.Error as exc:
        raise _translate(exc, attempted, place, masker) from _Cleaned(exc, masker)
    except OSError as exc:
        # PyMySQL failed to read a file of the TLS arguments.
        raise PermanentError(
            attempted,
            on=place,
            why=masker.text(str(exc)),
            todo=tls.refusal(exc) or tls.FILES,
        ) from exc
    except configparser.Error as exc:
        raise PermanentError(
            attempted,
            on=place,
            why=_parser_reason(exc),
            todo="Correct the option file that read_default_file in the URL names: "
            "options stand below a line such as [client].",
        ) from None
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as exc:
        raise PermanentError(
            attempted, on=place, why=_driver_reason(exc, masker)
        ) from None


def _translate(
    exc: pymysql.Error, attempted: str, place: str, masker: Masker
) -> DatabaseRefusalError | DatabaseTroubleError:
    code = exc.args[0] if exc.args and isinstance(exc.args[0], int) else 0
    message = str(exc.args[1]) if len(exc.args) > 1 else str(exc)
    refused = tls.database_refusal(exc)
    lasting = refused or (code and code not in TRANSIENT)
    kind = DatabaseRefusalError if lasting else DatabaseTroubleError
    todo = refused or TRANSIENT.get(code) or _PERMANENT.get(code, "")
    why = f"{clean(message, masker)} [{code}]"
    error = kind(attempted, on=place, why=why, todo=todo)
    error.code = code
    return error


class _Cleaned(Exception):  # noqa: N818
    """The driver's error without secrets, as a cause that may be logged."""

    def __init__(self, exc: Exception, masker: Masker) -> None:
        super().__init__(type(exc).__name__, clean(str(exc), masker))


def clean(message: str, masker: Masker) -> str:
    """A server's message without secrets.

    A syntax error quotes up to 80 characters of the statement, which may end inside a
    secret; this drops the quotation.
    """
    return masker.text(re.sub(r" near '.*", " near ...", message, flags=re.S))


def _driver_reason(exc: Exception, masker: Masker) -> str:
    if isinstance(exc, UnicodeEncodeError):  # its text has a character of the password
        return "PyMySQL sends passwords as latin-1, but this one has other characters"
    return masker.text(str(exc))


def _parser_reason(exc: configparser.Error) -> str:
    """The file and line; the parser's own text quotes the line, and so a password."""
    lines = [number for number, _ in getattr(exc, "errors", ())]
    first = getattr(exc, "lineno", None) or next(iter(lines), "unknown")
    file = getattr(exc, "source", None) or "its option file"
    return f"PyMySQL can't parse {file}, line {first}"
