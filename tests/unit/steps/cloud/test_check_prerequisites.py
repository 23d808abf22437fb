# SPDX-License-Identifier: Apache-2.0
"""What ``check-prerequisites`` reports of Octavia's programs, without a server."""

import os
import sys
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.base import StepResult
from amphv2_bootstrap.steps.cloud.check_prerequisites import CheckPrerequisites
from amphv2_bootstrap.steps.controller.write_octavia_configuration import (
    WriteOctaviaConfiguration,
)
from tests.unit.adapters.host import systemctl
from tests.unit.irreplaceable import WAYS
from tests.unit.service_folder import SERVICE, as_root, open_to_all
from tests.unit.steps.controller_host import Controller


def _answers(_spec: Spec, _secrets: Secrets) -> tuple[str, ...]:
    """A key-value backend that works."""
    return ()


def _check(controller: Controller) -> StepResult:
    context = controller.sqlite(controller.folder / "octavia.db")
    return CheckPrerequisites(context, _answers).act()


@pytest.fixture
def with_program(controller: Controller) -> Controller:
    """A controller with an octavia-db-manage that is no Python program."""
    program = controller.program("octavia-db-manage", "")
    patient = b"[DEFAULT]\ngraceful_shutdown_timeout = 600\n"
    controller.conf.write_bytes(patient + controller.conf.read_bytes())
    controller.settings["db_manage_command"] = (program,)
    return controller


def test_versions_are_reported(
    with_program: Controller, octavia_python_path: str
) -> None:
    """The summary has Octavia's and taskflow's version; there is no warning."""
    with_program.settings["octavia_python"] = octavia_python_path
    result = _check(with_program)
    assert "octavia 1" in result.summary or "octavia 2" in result.summary
    assert "taskflow 6" in result.summary
    assert result.warnings == ()


def test_a_python_that_is_not_found_is_warned_of(with_program: Controller) -> None:
    """The warning names the option for it."""
    (warning,) = _check(with_program).warnings
    assert "its Python wasn't found" in warning
    assert "Set [octavia] python" in warning


def test_a_python_without_octavia_is_warned_of(with_program: Controller) -> None:
    """The warning has its path: a wrapper may be written in Python, too."""
    with_program.settings["octavia_python"] = sys.executable
    result = _check(with_program)
    assert "octavia" not in result.summary
    (warning,) = result.warnings
    assert f"{sys.executable} has no Octavia" in warning
    assert "Set [octavia] python" in warning


def test_a_restart_that_cuts_operations_off_is_warned_of(
    with_program: Controller,
) -> None:
    """Before anything is restarted."""
    with with_program.conf.open("a") as stream:
        stream.write("\n[DEFAULT]\ngraceful_shutdown_timeout = 60\n")
    assert "stays in PENDING_* for ever" in _check(with_program).warnings[-1]


def test_a_provider_without_a_jobboard_is_a_problem(with_program: Controller) -> None:
    """It is found before anything is made, with what to set."""
    with with_program.conf.open("a") as stream:
        stream.write("\n[api_settings]\ndefault_provider_driver = amphorav1\n")
    with pytest.raises(PermanentError, match="set default_provider_driver = amphora,"):
        _check(with_program)


@pytest.mark.parametrize("way", WAYS)
def test_an_octavia_conf_that_cannot_be_written_is_a_problem(
    way: str, with_program: Controller
) -> None:
    """The first flow says it, unless the file has all options already."""
    make, words = WAYS[way]
    with make(with_program.conf), pytest.raises(PermanentError, match=words):
        _check(with_program)
    context = with_program.sqlite(with_program.folder / "octavia.db")
    WriteOctaviaConfiguration(context).execute()
    with make(with_program.conf):
        _check(with_program)


@as_root
def test_a_program_that_others_may_replace_is_warned_of(
    with_program: Controller,
) -> None:
    """Any user that may write what root runs is root."""
    os.chown(with_program.folder / "octavia-db-manage", SERVICE, SERVICE)
    assert "others than root may write it" in _check(with_program).warnings[0]


def test_a_missing_client_library_is_a_problem(
    with_program: Controller, octavia_python_path: str
) -> None:
    """It is found before anything is made, unless it will be installed."""
    site = with_program.folder / "site/redis"
    site.mkdir(parents=True)
    (site / "__init__.py").write_text("import no_such_redis")
    body = f'PYTHONPATH={site.parent} exec {octavia_python_path} "$@"'
    with_program.settings["octavia_python"] = with_program.program("python3", body)
    with pytest.raises(PermanentError, match=r"no_such_redis.*pip install"):
        _check(with_program)
    with_program.settings["install_client_library"] = "pip"
    _check(with_program)


def test_a_file_that_octavia_does_not_load_is_a_problem(
    with_program: Controller,
) -> None:
    """The services would go on without what is written; a link to the file is right."""
    other = with_program.conf.with_name("other.conf")
    other.touch()
    with_program.settings["service_arguments"] = (("--config-file", str(other)),)
    with pytest.raises(PermanentError, match=rf"{other}, so it doesn't load"):
        _check(with_program)
    other.unlink()
    other.symlink_to(with_program.conf)
    _check(with_program)


@as_root
def test_certificates_that_octavia_cannot_read_are_a_problem(
    with_program: Controller, tmp_path: Path
) -> None:
    """Root reads each file; Octavia's user gets an error after the restart."""
    systemd = systemctl.make(tmp_path / "units")
    text = "LoadState=loaded\nActiveState=active\nUser=nobody\n"
    (tmp_path / "units" / "octavia-worker.service").write_text(text)
    authority, key = with_program.folder / "ca.pem", with_program.folder / "key.pem"
    for file, mode in ((authority, 0o644), (key, 0o600)):
        file.touch()
        file.chmod(mode)
    open_to_all(with_program.folder)
    with_program.settings |= {"services": ("octavia-worker",), "restart_commands": ()}
    files = {"ssl": "True", "ssl_ca_certs": str(authority), "ssl_keyfile": str(key)}
    with_program.task_flow["jobboard_redis_backend_ssl_options"] = files
    context = with_program.sqlite(with_program.folder / "octavia.db")
    with pytest.raises(PermanentError, match=rf"\(1\) {key} can't be read by nobody"):
        CheckPrerequisites(context, _answers, systemd).act()
    key.chmod(0o644)
    CheckPrerequisites(context, _answers, systemd).act()


def test_a_full_disk_is_a_problem(
    with_program: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """state_path keeps what is noted, such as that a restart is due."""
    monkeypatch.setattr(durable_file, "ROOM_BYTES", 2**70)
    state = str(with_program.settings.get("state_path", with_program.folder))
    with pytest.raises(PermanentError, match="Make room") as caught:
        _check(with_program)
    assert state in str(caught.value)
