# SPDX-License-Identifier: Apache-2.0
"""Where ``await-idle-octavia`` can't look; the rest is tested on a real server."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from amphv2_bootstrap.errors import TransientError
from amphv2_bootstrap.steps.controller import await_idle_octavia
from amphv2_bootstrap.steps.controller.await_idle_octavia import AwaitIdleOctavia
from amphv2_bootstrap.steps.retry_policy import RetryPolicy
from amphv2_bootstrap.steps.under_way import LoadBalancer, named
from tests.servers.process import free_port
from tests.unit.steps.controller_host import Controller

UNKNOWN = LoadBalancer("lb-1", "PENDING_DELETE", None, None, None)


@pytest.mark.parametrize(
    "connection",
    [
        "",
        "sqlite:////var/lib/octavia.db",
        "postgresql://octavia@db/octavia",
        "mysql+pymysql://octavia@db/octavia?read_default_file=/etc/my.cnf",
        "nonsense",
    ],
)
def test_no_server_to_ask_is_no_obstacle(
    controller: Controller, connection: str
) -> None:
    """The step isn't applicable, and warns of what it can't see."""
    controller.conf.write_text(f"[database]\nconnection = {connection}\n")
    result = AwaitIdleOctavia(controller.context).execute()
    assert result["effect"] == "not-applicable"
    assert "[database] connection" in result["warnings"][0]


def test_a_server_that_stays_away_is_no_obstacle(controller: Controller) -> None:
    """The step tries again as long as every step, then isn't applicable."""
    url = f"mysql+pymysql://octavia:s3cret@127.0.0.1:{free_port()}/octavia"
    controller.conf.write_text(f"[database]\nconnection = {url}\n")
    result = AwaitIdleOctavia(controller.context).execute()
    assert result["effect"] == "not-applicable"
    assert "127.0.0.1" in result["warnings"][0]
    assert "s3cret" not in result["warnings"][0]


def test_a_first_look_that_fails_is_tried_again(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is recorded; the wait begins with the first answer."""
    answers: list[Sequence[LoadBalancer] | Exception] = [
        TransientError("look", why="it is away"),
        (),
    ]

    def look(_context: object) -> Sequence[LoadBalancer]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(await_idle_octavia, "pending", look)
    policy = RetryPolicy(max_elapsed=60, max_wait=0.01)
    context = replace(controller.context, retry=policy)
    step, reasons = AwaitIdleOctavia(context), list[str]()
    step.record_retry = reasons.append
    assert step.execute()["effect"] == "unchanged"
    assert ["it is away" in reason for reason in reasons] == [True]


def test_its_aim_says_how_long_it_waits(controller: Controller) -> None:
    """``plan`` shows it."""
    controller.settings |= {"idle_timeout": 5.0, "when_busy": "restart"}
    assert "at most 5 s; then restart" in AwaitIdleOctavia(controller.context).aim


def test_many_are_counted() -> None:
    """An error holds no thousand names, and no line break of somebody's server."""
    text = named([UNKNOWN] * 12)
    assert text.count("lb-1 (PENDING_DELETE since an unknown time)") == 10
    assert text.endswith(" and 2 more")
    assert named(["lb\n-1"]) == "lb-1"
    assert UNKNOWN.is_old(60)  # since it isn't known
