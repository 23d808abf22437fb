# SPDX-License-Identifier: Apache-2.0
"""Which errors are transient, and that none holds a secret."""

import traceback
from pathlib import Path

import pymysql
import pytest

from amphv2_bootstrap.adapters.mysql.errors import (
    DatabaseRefusalError,
    DatabaseTroubleError,
    translated,
)
from amphv2_bootstrap.errors import BootstrapError, PermanentError
from amphv2_bootstrap.spec.masking import Masker


def translate(exc: Exception) -> BootstrapError:
    with (
        pytest.raises(BootstrapError) as caught,
        translated("try", "db1:3306", Masker(["secret-word"])),
    ):
        raise exc
    return caught.value


@pytest.mark.parametrize(
    "code",
    [1040, 1047, 1203, 1205, 1213, 1290, 1836, 1927, 2002, 2003, 2006, 2013, 2055],
)
def test_transient(code: int) -> None:
    """Errors of connections, locks and nodes that aren't ready are transient."""
    error = translate(pymysql.err.OperationalError(code, "trouble"))
    assert isinstance(error, DatabaseTroubleError)
    assert error.code == code
    assert f"[{code}]" in str(error)
    assert "db1:3306" in str(error)


@pytest.mark.parametrize("code", [1044, 1045, 1049, 1142, 1227, 1396, 1410, 1064, 1819])
def test_permanent(code: int) -> None:
    """Errors of access and syntax are permanent."""
    error = translate(pymysql.err.OperationalError(code, "refused"))
    assert isinstance(error, DatabaseRefusalError)
    assert error.code == code


@pytest.mark.parametrize(
    "exc",
    [
        pymysql.err.ProgrammingError(1064, "syntax near 'BY 'secret-wo' at line 1"),
        pymysql.err.OperationalError(1396, "failed for secret-word"),
        pymysql.err.InterfaceError("secret-word"),
        RuntimeError("secret-word"),
        OSError(2, "no such file", "secret-word"),
    ],
)
def test_no_secret_comes_through(exc: Exception) -> None:
    """Neither the message nor the cause holds a secret."""
    error = translate(exc)
    text = str(error) + "".join(map(str, error.args)) + repr(error.__cause__)
    assert "secret-wo" not in text


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, TypeError])
def test_an_error_that_pymysql_did_not_expect_keeps_its_text(
    kind: type[Exception],
) -> None:
    """It may quote a secret that no masker knows: only type and place are shown."""
    error = translate(kind("a line of a file: unknown-secret"))
    assert isinstance(error, PermanentError)
    assert kind.__name__ in error.why
    assert "unknown-secret" not in str(error)
    assert error.__cause__ is None


def test_a_library_that_pymysql_lacks_is_named() -> None:
    """Its own text says what to install."""
    text = "'pynacl' package is required for ed25519_password auth method"
    assert text in translate(RuntimeError(text)).why


def test_traceback_of_a_server_error() -> None:
    """The logged traceback of a server's error holds no secret."""
    secret = "secret-" + "word"  # in two parts, since a traceback shows this line
    with (
        pytest.raises(BootstrapError) as caught,
        translated("try", "db1:3306", Masker([secret])),
    ):
        raise pymysql.err.OperationalError(1396, f"failed for {secret}")
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_password_beyond_latin_1() -> None:
    """A password that PyMySQL can't send is permanent; its character isn't shown."""
    try:
        "p\u20acw".encode("latin-1")
    except UnicodeEncodeError as exc:
        error = translate(exc)
    assert isinstance(error, PermanentError)
    assert "u20ac" not in str(error)
    assert "\u20ac" not in str(error)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("password = hunter2\n[client]\n", "option-file, line 1"),
        ("[client]\nuser = root\n= hunter2\n", "option-file, line 3"),
        ("[client]\nuser = a\nuser = hunter2\n", "option-file, line 3"),
        ("[client]\n[client]\nuser = hunter2\n", "option-file, line 2"),
    ],
)
def test_an_option_file_is_not_quoted(tmp_path: Path, text: str, where: str) -> None:
    """PyMySQL's parser quotes the line, which may hold the password."""
    file = tmp_path / "option-file"
    file.write_text(text)
    with (
        pytest.raises(PermanentError) as caught,
        translated("log in", "db1:3306", Masker([])),
    ):
        pymysql.connect(read_default_file=str(file))
    assert where in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in shown.replace(repr(text), "")
