# SPDX-License-Identifier: Apache-2.0
"""The page on JSON has each field that the commands give, and no other."""

import json
import re
from typing import Any

import pytest

from amphv2_bootstrap.cmd import plan, verify
from amphv2_bootstrap.cmd.conductor import list as conductor_list
from tests import REPOSITORY
from tests.unit.cmd.job.conftest import Run

_PAGE = (REPOSITORY / "doc/source/json.rst").read_text()


def _fields(section: str, depth: int = 0) -> set[str]:
    """The terms that a section describes, within ``depth`` others."""
    text = _PAGE.partition(f"\n``{section}``\n===")[2]
    assert text, section
    text = re.split(r"\n``.*\n===", text)[0]
    terms = re.findall(rf"^{' ' * 3 * depth}(``\w+``(?:, ``\w+``)*)$", text, re.M)
    return set(re.findall(r"\w+", " ".join(terms)))


def _given(run: Run, *arguments: str) -> Any:
    return json.loads(run(*arguments, "-f", "json")[1])


def test_fields_of_jobs(run: Run, job: str) -> None:
    """Those of a job, of its flows and of their steps; those of its events."""
    report = _given(run, "job", "show")
    assert set(_given(run, "job", "list")[0]) == _fields("job list")
    assert set(report) == _fields("job list") | _fields("job show")
    assert set(report["flows"][0]) == _fields("job show", 1)
    assert set(report["flows"][0]["tasks"][0]) == _fields("job show", 2)
    assert set(_given(run, "job", "history")[0]) == _fields("job history")


@pytest.mark.parametrize(
    ("section", "columns"),
    [
        ("plan", plan._COLUMNS),
        ("verify", verify._COLUMNS),
        ("conductor list", conductor_list._COLUMNS),
    ],
)
def test_fields_of_other_lists(section: str, columns: tuple[str, ...]) -> None:
    """Their rows have the columns of the table."""
    assert set(columns) == _fields(section)
