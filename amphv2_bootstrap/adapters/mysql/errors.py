# SPDX-License-Identifier: Apache-2.0
"""Turns errors of MariaDB, MySQL and PyMySQL into ours."""

import configparser
import contextlib
import re
from collections.abc import Iterator

import pymysql

from amphv2_bootstrap.errors import PermanentError, TransientError, UnexpectedError
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.masking import Masker
from amphv2_bootstrap.spec.server_errors import mysql as server_errors

DATABASE_EXISTS = 1007
ACCOUNT_FAILED = 1396  # CREATE USER of an existing, DROP USER of a missing account
NO_SUCH_GRANT = 1141
NO_SUCH_TABLE = 1146
TABLE_SKIPPED = 1684  # by information_schema, while it is changed; a warning
PASSWORD_REFUSED = (1372, 1819)


_MISSING = re.compile(r"'(\w+)' package is required for [\w ]+")


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
        raise _of_driver(exc, attempted, place) from None


def _translate(
    exc: pymysql.Error, attempted: str, place: str, masker: Masker
) -> DatabaseRefusalError | DatabaseTroubleError:
    code = exc.args[0] if exc.args and isinstance(exc.args[0], int) else 0
    message = str(exc.args[1]) if len(exc.args) > 1 else str(exc)
    refused = tls.database_refusal(exc)
    lasting = refused or (code and not server_errors.is_transient(code, message))
    kind = DatabaseRefusalError if lasting else DatabaseTroubleError
    todo = refused or server_errors.advice(code, message) or server_errors.ASK_ITS_LOG
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


def _of_driver(exc: Exception, attempted: str, place: str) -> PermanentError:
    """What PyMySQL, or a library below it, can't do; an unknown text isn't shown."""
    if isinstance(exc, UnicodeEncodeError):  # its text has a character of the password
        why = "PyMySQL sends passwords as latin-1, but this one has other characters"
        todo = "Choose a password of ASCII characters."
        return PermanentError(attempted, on=place, why=why, todo=todo)
    found = _MISSING.fullmatch(str(exc))
    if found:
        todo = f"Install {found[1]} in this program's Python and in Octavia's."
        return PermanentError(attempted, on=place, why=str(exc), todo=todo)
    return UnexpectedError.of(f"{attempted} ({place})", exc)


def _parser_reason(exc: configparser.Error) -> str:
    """The file and line; the parser's own text quotes the line, and so a password."""
    lines = [number for number, _ in getattr(exc, "errors", ())]
    first = getattr(exc, "lineno", None) or next(iter(lines), "unknown")
    file = getattr(exc, "source", None) or "its option file"
    return f"PyMySQL can't parse {file}, line {first}"
