# SPDX-License-Identifier: Apache-2.0
"""What ``check-prerequisites`` says of Octavia's programs; no server is asked."""

import sys
from dataclasses import replace

import pytest

from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.base import StepResult
from amphv2_bootstrap.steps.cloud.check_prerequisites import CheckPrerequisites
from tests.unit.steps.controller_host import Controller


def _answers(_spec: Spec, _secrets: Secrets) -> tuple[str, ...]:
    """A key-value backend that works."""
    return ()


def _check(controller: Controller) -> StepResult:
    context = controller.context
    sqlite = DatabaseUrl("sqlite", database=str(controller.folder / "octavia.db"))
    context = replace(context, spec=replace(context.spec, persistence=sqlite))
    return CheckPrerequisites(context, _answers).act()


@pytest.fixture
def with_program(controller: Controller) -> Controller:
    """A controller whose octavia-db-manage doesn't tell its Python."""
    program = controller.folder / "octavia-db-manage"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    controller.settings["db_manage_command"] = (str(program),)
    return controller


def test_octavia_is_told_by_its_version(
    with_program: Controller, octavia_python_path: str
) -> None:
    """With its taskflow, without a warning."""
    with_program.settings["octavia_python"] = octavia_python_path
    result = _check(with_program)
    assert "octavia 1" in result.summary or "octavia 2" in result.summary
    assert "taskflow 6" in result.summary
    assert result.warnings == ()


def test_a_python_that_is_not_found_is_warned_of(with_program: Controller) -> None:
    """With the option that names it."""
    (warning,) = _check(with_program).warnings
    assert "its Python wasn't found" in warning
    assert "Set [octavia] python" in warning


def test_a_python_without_octavia_is_warned_of(with_program: Controller) -> None:
    """By its path: a wrapper of octavia-db-manage may be written in Python, too."""
    with_program.settings["octavia_python"] = sys.executable
    result = _check(with_program)
    assert "octavia" not in result.summary
    (warning,) = result.warnings
    assert f"{sys.executable} has no Octavia" in warning
    assert "Set [octavia] python" in warning
