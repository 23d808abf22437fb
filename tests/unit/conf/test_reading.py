# SPDX-License-Identifier: Apache-2.0
"""Secrets that are read from files of their own."""

from pathlib import Path

import pytest

from amphv2_bootstrap.errors import InvalidInputError
from tests.unit.conf.configuration import ADMIN, BOARD, PERSISTENCE, Configuration

_OWN = f"mysql+pymysql://me:{ADMIN}@db1/engine"
_ODD = BOARD + "$1 '\"%"


def _file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "credential"
    path.write_text(text)
    path.chmod(mode)
    return path


def _refused(configuration: Configuration) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        configuration.build()
    return list(caught.value.problems)


@pytest.mark.parametrize("text", [_ODD, _ODD + "\n"], ids=["bare", "with line end"])
def test_a_secret_may_be_in_a_file(configuration: Configuration, text: str) -> None:
    """It is the file's line as it stands; nothing in it is doubled or quoted."""
    path = _file(configuration.folder, text)
    loaded = configuration.change(
        {
            "octavia": {
                "jobboard_backend_password": None,
                "jobboard_backend_password_file": path,
            }
        }
    ).build()
    assert loaded.secrets.text("jobboard_backend_password") == _ODD
    assert loaded.warnings == ()


def test_the_engines_own_url_may_be_in_a_file(configuration: Configuration) -> None:
    """[task_flow] has the same options."""
    path = _file(configuration.folder, _OWN)
    options = {"persistence_connection": None, "persistence_connection_file": path}
    loaded = configuration.change({"task_flow": options}).build()
    assert loaded.engine.persistence_connection.reveal() == _OWN


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "doesn't hold one line"),
        (f"{BOARD}\nsecond\n", "doesn't hold one line"),
        (BOARD * 1000, "doesn't hold one line"),
    ],
    ids=["empty", "two lines", "too long"],
)
def test_what_is_no_secret_is_refused(
    configuration: Configuration, text: str, says: str
) -> None:
    """The only problem names option and file, and shows nothing of its content."""
    path = _file(configuration.folder, text)
    options = {
        "persistence_connection": None,
        "persistence_connection_file": path,
    }
    (problem,) = _refused(configuration.change({"octavia": options}))
    assert problem.startswith(
        f"[octavia] persistence_connection_file names {path}, which {says}"
    )
    assert BOARD not in problem


@pytest.mark.parametrize(
    ("name", "says"),
    [("/missing/file", "can't be read: No such file"), ("here", "a relative path")],
)
def test_a_file_that_cannot_be_read_is_refused(
    configuration: Configuration, name: str, says: str
) -> None:
    """The only problem is that of the file, not that the secret isn't set."""
    options = {"admin_connection": None, "admin_connection_file": name}
    (problem,) = _refused(configuration.change({"octavia": options}))
    assert problem.startswith("[octavia] admin_connection_file ")
    assert says in problem


def test_one_of_the_two_is_enough(configuration: Configuration) -> None:
    """A secret and its file together are refused: nobody could tell which counts."""
    path = _file(configuration.folder, PERSISTENCE)
    options = {"jobboard_backend_password_file": path}
    (problem,) = _refused(configuration.change({"octavia": options}))
    assert "is set beside jobboard_backend_password" in problem


def test_a_file_that_others_may_read_is_a_warning(configuration: Configuration) -> None:
    """The warning says how to close it."""
    path = _file(configuration.folder, BOARD, 0o644)
    options = {
        "jobboard_backend_password": None,
        "jobboard_backend_password_file": path,
    }
    (warning,) = configuration.change({"octavia": options}).build().warnings
    assert f"chmod 0600 {path}" in warning
