# SPDX-License-Identifier: Apache-2.0
"""The folder of Octavia's packages, and the revisions of taskflow in it."""

import sys
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.octavia import site
from tests.unit.adapters.octavia.environment import Environment


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A virtual environment without packages."""
    return Environment(tmp_path / "venv")


def test_a_virtual_environment_has_one_folder(environment: Environment) -> None:
    """The link bin/python isn't resolved, since it leads out of the environment."""
    assert Path(environment.python).is_symlink()
    assert site.site_packages(environment.python) == environment.site


@pytest.mark.parametrize(
    "settings",
    [
        "include-system-site-packages = true\n",
        "home = /usr/bin\n",
        "include-system-site-packages = false\ninclude-system-site-packages = true\n",
        None,
    ],
)
def test_an_environment_that_sees_other_packages_is_not_searched(
    environment: Environment, settings: str | None
) -> None:
    """An environment with other packages, or no environment, gives no folder."""
    if settings is None:
        environment.settings.unlink()
    else:
        environment.settings.write_text(settings)
    assert site.site_packages(environment.python) is None


def test_an_environment_of_two_pythons_is_not_searched(
    environment: Environment,
) -> None:
    """With folders of two Pythons, neither is chosen."""
    environment.site.parent.with_name("python3.8").joinpath("site-packages").mkdir(
        parents=True
    )
    assert site.site_packages(environment.python) is None


@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONHOME"])
def test_an_environment_variable_may_add_folders(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """With such a variable no folder is the only one: Octavia's Python inherits it."""
    monkeypatch.setenv(variable, "/elsewhere")
    assert site.site_packages(environment.python) is None


def test_a_script_is_not_the_interpreter(environment: Environment) -> None:
    """A script gives no folder, since it may start a Python in a container."""
    assert site.is_binary(environment.python)
    Path(environment.python).unlink()
    Path(environment.python).write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    assert not site.is_binary(environment.python)
    assert site.site_packages(environment.python) is None
    assert not site.is_binary("/no/such/python")


_PLAIN = "revision = 'b'\ndown_revision = 'a'\n"


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (_PLAIN, ("a", "b")),
        ("revision: str = 'b'  # this\ndown_revision: str | None = 'a'\n", ("a", "b")),
        (_PLAIN + "branch_labels = None\n", ("a", "b")),
        (_PLAIN + "branch_labels = ('x',)\n", ()),
        (_PLAIN + "depends_on = 'x'\n", ()),
        ("revision = 'b'\ndown_revision = ('a', 'c')\n", ()),
        ("revision = 'b'\ndown_revision = None\n", ()),
        ("revision = 'b'\ndown_revision = 'c'\n", ()),
        ("revision = 'b'\nrevision = 'c'\ndown_revision = 'a'\n", ()),
        ("revision = name()\ndown_revision = 'a'\n", ()),
        ("down_revision = 'a'\n", ()),
        ("revision = 'b'\n", ()),
        ("revision = ", ()),
        ("", ()),
    ],
)
def test_revisions_are_read_only_where_plain(
    environment: Environment, second: str, found: tuple[str, ...]
) -> None:
    """Revisions come only from one plain chain of literals."""
    first = "import os\nLOG = os.getcwd()\nrevision = 'a'\ndown_revision = None\n"
    environment.add_migration("one", first)
    environment.add_migration("two", second)
    assert site.revisions(environment.site) == found


def test_a_taskflow_without_migrations_has_no_revisions(
    environment: Environment,
) -> None:
    """A taskflow without migrations, as in Debian 12, gives no revisions."""
    assert site.revisions(environment.site) == ()
