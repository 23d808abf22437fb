# SPDX-License-Identifier: Apache-2.0
"""What ``build`` refuses: each problem names the option and says what to do."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.cmd.main import main
from amphv2_bootstrap.errors import InvalidInputError
from tests.unit.conf.cases import CASES, Case, octavia
from tests.unit.conf.configuration import (
    BOARD,
    PERSISTENCE,
    SECRETS,
    SENTINEL,
    Configuration,
)
from tests.unit.service_folder import ServiceFolder, as_root, service_folder


@pytest.fixture
def service() -> Iterator[ServiceFolder]:
    with service_folder() as made:
        yield made


def _refused(configuration: Configuration) -> tuple[str, ...]:
    with pytest.raises(InvalidInputError) as caught:
        configuration.build()
    return caught.value.problems


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_value_is_refused(case: Case, configuration: Configuration) -> None:
    """One bad value is one problem, with option and advice, without secrets."""
    problems = _refused(configuration.change(case.change))
    assert len(problems) == 1, problems
    assert problems[0].startswith(f"{case.option} ")
    for words in case.says:
        assert words in problems[0]
    assert problems[0].count(". ") >= 1, "the advice is a sentence of its own"
    assert problems[0].endswith(".")
    for secret in SECRETS:
        assert secret not in problems[0]


def _files(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_command_refuses_it_and_changes_nothing(
    case: Case, configuration: Configuration, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, the problem on stderr, no file made or changed."""
    configuration.write(configuration.change(case.change).text())
    before = _files(configuration.folder)
    code = main(["--config-file", str(configuration.path), "post-job"])
    said = capsys.readouterr()
    assert code == exit_codes.BAD_INPUT
    assert f"  * {case.option} " in said.err
    assert not said.out
    assert _files(configuration.folder) == before


def test_all_problems_come_together(configuration: Configuration) -> None:
    """One error reports ten mistakes of all kinds."""
    configuration.change(
        {
            "DEFAULT": {"state_path": "state"},
            "octavia": {
                "persistence_connection": f"mysql+pymysql://o:{PERSISTENCE}@h",
                "admin_connection": None,
                "jobboard_backend_port": "x",
                "jobboard_expiration_time": "y",
                "jobboard_backend_hosts": "kv1,kv2",
                "grant_hosts": "",
                "jobbord_save_logbook": "True",
            },
            "conductor": {"concurrency": 0},
            "octvia": {"a": 1},
        }
    )
    problems = _refused(configuration)
    assert len(problems) == 10
    assert all(f"{problem}"[0] in "[/" for problem in problems)


def test_error_text_holds_no_secret(configuration: Configuration) -> None:
    """Neither the error nor its chain shows a secret."""
    configuration.change(
        {
            "octavia": {
                "persistence_connection": f"foo://o:{PERSISTENCE}@ss/w#rd@h",
                "jobboard_backend_password": f"$x{BOARD}",
                "jobboard_redis_sentinel_password": SENTINEL,
                "jobboard_zookeeper_ssl_options": f"keyfile_password{BOARD}",
            }
        }
    )
    with pytest.raises(InvalidInputError) as caught:
        configuration.build()
    shown = repr(caught.getrepr(chain=True)) + str(caught.value)
    shown += str(caught.value.__cause__)
    assert not [secret for secret in SECRETS if secret in shown]


def test_line_that_is_a_part_of_a_secret(configuration: Configuration) -> None:
    """A wrapped secret, on a line of its own, is not shown as an option."""
    configuration.write(configuration.text() + f"mysql+pymysql://root:{BOARD}@h=1\n")
    text = configuration.path.read_text()
    configuration.text = lambda: text  # type: ignore[method-assign]
    (problem,) = _refused(configuration)
    assert "doesn't begin with an option's name" in problem
    assert BOARD not in problem


def test_unreadable_option_is_reported_once(configuration: Configuration) -> None:
    """An unreadable list of hosts isn't also reported as empty."""
    configuration.change(octavia(jobboard_backend_hosts="$nowhere"))
    problems = _refused(configuration)
    assert len(problems) == 1
    assert "$$" in problems[0]


def test_file_that_may_not_be_read(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The problem names a file that this user may not read."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (problem,) = _refused(configuration)
    assert problem.startswith("[octavia] config_file ")
    assert "may not read" in problem


@as_root
def test_own_files_are_in_folders_of_root(
    configuration: Configuration, service: ServiceFolder
) -> None:
    """Folders that a service may write are refused for what root keeps in them."""
    configuration.change(
        {
            "DEFAULT": {"state_path": f"{service.path}/new/state"},
            "task_flow": {"persistence_connection": f"sqlite:///{service.path}/e.db"},
        }
    )
    with pytest.raises(InvalidInputError) as caught:
        configuration.build()
    assert len(caught.value.problems) == 2
    for problem, option in zip(
        caught.value.problems, ("state_path", "persistence_connection"), strict=True
    ):
        assert f"{option} is in a folder of others" in problem
        assert f"others than root may write {service.path}" in problem
        assert "chown" in problem
    os.chown(service.path, 0, 0)
    configuration.build()
