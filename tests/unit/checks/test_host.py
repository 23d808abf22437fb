# SPDX-License-Identifier: Apache-2.0
"""Checks of this host: what can't be proven, and what can't be replaced."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from amphv2_bootstrap.checks.finding import FAILED, WARNING, Finding
from amphv2_bootstrap.checks.host import canary, configuration, drill
from amphv2_bootstrap.steps.base import Context
from tests.unit.irreplaceable import WAYS
from tests.unit.steps.controller_host import Controller, several_files


def _drill(context: Context) -> Iterable[Finding]:
    return drill(context, lambda text: None)


both = pytest.mark.parametrize("check", [canary, _drill])
Check = Callable[[Context], Iterable[Finding]]


@both
def test_without_octavias_python(check: Check, controller: Controller) -> None:
    """Without a proof the check fails, and says what to do."""
    (found,) = check(controller.context)
    assert found.state == FAILED
    assert "NOT PROVEN" in found.message
    assert "[octavia] python" in found.todo


@both
def test_sqlite(check: Check, controller: Controller) -> None:
    """A warning: with SQLite no proof is possible."""
    (found,) = check(controller.sqlite(Path("/x.sqlite")))
    assert found.state == WARNING
    assert "NOT PROVEN" in found.message


@both
def test_a_scratch_namespace_that_is_not_allowed(
    check: Check, controller: Controller
) -> None:
    """Neither canary nor drill has proven anything, so both fail."""
    _refuse(controller)
    (found,) = check(controller.context)
    assert found.state == FAILED
    assert "NOT PROVEN: nothing beside it" in found.message
    assert "NAMESPACE_amphv2_canary_" in found.todo


def _refuse(controller: Controller) -> None:
    """Octavia's Python is there, but its Redis user may use Octavia's keys only."""
    kind = "amphv2_programs.own_rights.ScratchRefusedError"
    chain = [{"type": kind, "text": "nothing beside it"}]
    broken = json.dumps({"broken": "post", "chain": chain})
    values = json.dumps(
        {"values": {"jobboard_expiration_time": 5}, "defaults": {}, "invalid": {}}
    )
    controller.settings["octavia_python"] = controller.program(
        "python",
        f'read -r request\n[ "$4" = answering ] && '
        f"echo '{values}' || echo '{broken}'\n",
    )


def test_each_of_several_files_is_looked_at(controller: Controller) -> None:
    """A file with a wrong option doesn't hide what is wrong in the next one."""
    files = several_files(controller)
    found = [one.message for one in configuration(controller.context)]
    assert [str(file) in text for file, text in zip(files, found, strict=True)]


@pytest.mark.parametrize("way", WAYS)
def test_an_octavia_conf_that_cannot_be_replaced_is_warned_of(
    way: str, controller: Controller
) -> None:
    """The warning comes beside whatever else is found in the configuration."""
    make, words = WAYS[way]
    findings = iter(configuration(controller.context))
    with make(controller.conf):
        warning = next(findings)
    (failed,) = findings
    assert failed.state == FAILED
    assert "jobboard_enabled is False" in failed.message
    assert (warning.check, warning.state) == ("configuration", WARNING)
    assert re.search(words, f"{warning.message}. {warning.todo}")
