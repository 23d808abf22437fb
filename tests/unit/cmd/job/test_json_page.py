# SPDX-License-Identifier: Apache-2.0
"""The page on JSON has each field that the commands give, and no other."""

import json
from typing import Any

import pytest

from amphv2_bootstrap.cmd import plan, verify
from amphv2_bootstrap.cmd.conductor import list as conductor_list
from amphv2_bootstrap.steps.base import Change, Kind
from amphv2_bootstrap.steps.plan.foresight import State
from tests.json_page import fields, values
from tests.unit.cmd.job.conftest import Run


def _given(run: Run, *arguments: str) -> Any:
    return json.loads(run(*arguments, "-f", "json")[1])


def test_fields_of_jobs(run: Run, job: str) -> None:
    """Those of a job, of its flows and of their steps; those of its events."""
    report = _given(run, "job", "show")
    assert set(_given(run, "job", "list")[0]) == fields("job list")
    assert set(report) == fields("job list") | fields("job show")
    assert set(report["flows"][0]) == fields("job show", 1)
    assert set(report["flows"][0]["tasks"][0]) == fields("job show", 2)
    assert set(_given(run, "job", "history")[0]) == fields("job history")


def test_fields_of_what_is_posted(run: Run) -> None:
    """The head of a job; ``post-job`` alone says whether it is new."""
    section = "post-job``, ``run`` and ``job watch"
    head = fields("job list")
    posted = _given(run, "post-job")
    assert set(posted) == head | fields(section)
    assert posted["new"] is True
    assert _given(run, "post-job")["new"] is False
    assert set(_given(run, "job", "watch", "--timeout", "0.1")) == head


def test_fields_of_changes() -> None:
    """Those of one change, and all kinds and states that there are."""
    (shown,) = plan.Changes([Change(Kind.SQL, "db", "SELECT 1")]).machine_readable()
    assert set(shown) == fields("plan", 1)
    assert values("plan", "kind") == set(Kind)
    assert values("plan", "state") == set(State)


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
    assert set(columns) == fields(section)
