# SPDX-License-Identifier: Apache-2.0
"""Requests and what comes back, headers and escaping included."""

import base64
import logging
import re
from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage.control import pausing
from amphv2_bootstrap.engine.storage.control.draining import drain
from amphv2_bootstrap.web.application import Application
from tests.unit.engine.signs import beat
from tests.unit.engine.toys import Cloud
from tests.unit.web.requests import OWNER, application, get

MakeCloud = Callable[..., Cloud]
TOKEN = "a-token-of-some-length"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def cloud(make_cloud: MakeCloud) -> Cloud:
    return make_cloud(main=["a", "b"])


def _basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/nowhere"])
def test_every_answer_has_the_headers(path: str, cloud: Cloud) -> None:
    """No answer lets a browser load from elsewhere, guess a type or tell others."""
    headers = get(application(cloud), path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert not [name for name in headers if name.startswith("Access-Control")]


def test_texts_are_escaped(cloud: Cloud) -> None:
    """Markup in names and messages is shown as it is, never obeyed."""
    uuid = cloud.post([NewFlowRun("main", 0)])
    (run,) = cloud.store.flow_runs_of(uuid)
    taken = cloud.journal.take(run.uuid)
    assert taken is not None
    cloud.journal.settle(taken, FlowState.PARKED, f'it says "{EVIL}" \'onload=x')
    pausing.pause(cloud.journal, uuid, EVIL)
    body = get(application(cloud), "/").body
    assert "&lt;script&gt;alert(1)" in body
    assert EVIL not in body
    assert len(re.findall(r"<script\b", body)) == 1
    assert "'onload" not in body


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("", "401"),
        (f"Bearer {TOKEN}x", "401"),
        ("Basic !!!", "401"),
        (_basic("wrong"), "401"),
        (f"Bearer {TOKEN}", "200"),
        (_basic(TOKEN), "200"),
    ],
)
def test_the_token_is_needed(sent: str, status: str, cloud: Cloud) -> None:
    """With a token, only who sends it sees a page; a browser is asked for it."""
    app = application(cloud, TOKEN)
    for path in ("/", "/readyz", "/metrics"):
        answer = get(app, path, HTTP_AUTHORIZATION=sent)
        assert answer.status.startswith(status) or path == "/readyz"
        assert ("WWW-Authenticate" in answer.headers) is (status == "401")
    assert get(app, "/healthz").status == "200 OK"


def test_another_name_is_refused_without_a_token(cloud: Cloud) -> None:
    """A name that somebody points to this host gets nothing."""
    for name in ("evil.example:9187", "", "127.0.0.1.evil.example"):
        answer = get(application(cloud), "/", HTTP_HOST=name)
        assert answer.status.startswith("421")
    assert get(application(cloud), "/", HTTP_HOST="[::1]:9187").status == "200 OK"
    answer = get(application(cloud, TOKEN), "/", HTTP_HOST="ctl1.example:9187")
    assert answer.status.startswith("401")


def test_the_table_of_conductors_shows_drains_and_conflicts(cloud: Cloud) -> None:
    """A drained host and one with conductors on two machines are marked, and noted."""
    for name in ("machine.one", "machine.two", "machine.one"):
        beat(cloud.database, ProcessIdentity("twice", 1, name, "0"))
    beat(cloud.database, ProcessIdentity("out", 1, "machine.three", "0"))
    drain(cloud.journal, "out", "me")
    body = get(application(cloud), "/").body
    rows = re.findall(r'<tr data-conductor="(\w+)".*?</tr>', body)
    marks = re.findall(r'<tr .*?="(\w+)".*?class="chip (several|drained)', body)
    assert sorted(rows) == ["out", "twice", "twice"]
    assert sorted(marks) == [("out", "drained"), *[("twice", "several")] * 2]
    assert "me has drained the host" in body
    assert "amphv2-bootstrap conductor undrain out" in body
    assert "conductors of this host name run on several machines" in body


def test_it_only_reads(cloud: Cloud) -> None:
    """Any other method is refused; HEAD has no body."""
    app = application(cloud)
    assert get(app, "/", REQUEST_METHOD="POST").status.startswith("405")
    head = get(app, "/", REQUEST_METHOD="HEAD")
    assert (head.status, head.body) == ("200 OK", "")
    assert int(head.headers["Content-Length"]) > 1000


def test_health_tells_of_a_loop_that_hangs(cloud: Cloud) -> None:
    """Healthy while the conductor's loop goes round."""
    assert get(application(cloud), "/healthz").body == "ok\n"
    hung = application(cloud, patience=-1.0)
    assert get(hung, "/healthz").status.startswith("503")


def test_ready_when_database_and_jobboard_answer(cloud: Cloud) -> None:
    """Not ready before the conductor has seen its jobboard, then ready."""
    answer = get(application(cloud), "/readyz")
    assert answer.status.startswith("503")
    assert "jobboard: the conductor has not looked at it yet" in answer.body
    owner = ProcessIdentity.parse(OWNER)
    assert owner is not None
    beat(cloud.database, owner)
    answer = get(application(cloud), "/readyz")
    assert answer.status == "200 OK"
    assert answer.body == "loop: ok\ndatabase: ok\njobboard: ok\n"


def _away() -> None:
    raise DatabaseUnavailableError("read the engine's database", why="it is away")


def test_the_last_overview_stays_while_the_database_is_away(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says that the database is away, and shows what it last saw."""
    app = application(cloud)
    monkeypatch.setattr("amphv2_bootstrap.web.overview._FRESH_SECONDS", 0.0)
    uuid = cloud.post([NewFlowRun("main", 0)])
    assert uuid[:8] in get(app, "/").body
    monkeypatch.setattr(cloud.store, "conductors", _away)
    answer = get(app, "/")
    assert answer.status == "200 OK"
    assert "The engine's database doesn't answer" in answer.body
    assert "it is away" in answer.body
    assert uuid[:8] in answer.body
    assert get(app, "/readyz").status.startswith("503")
    assert "amphv2_database_up 0.0" in get(app, "/metrics").body
    assert get(application(cloud), "/").status.startswith("503")


def test_an_unknown_job_is_not_found(cloud: Cloud) -> None:
    """An address of a job that is not there says so."""
    answer = get(application(cloud), "/", "job=%3Cb%3E")
    assert answer.status.startswith("404")
    assert "<b>" not in answer.body


def test_a_surprise_is_an_answer_and_a_line_of_the_log(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug is a 500 without its text, and is logged with its traceback."""

    def broken(*_: object) -> None:
        raise ValueError("s3cr3t")

    monkeypatch.setattr(Application, "_answer", broken)
    answer = get(application(cloud), "/")
    assert answer.status.startswith("500")
    assert "s3cr3t" not in answer.body
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_assets_may_be_kept(cloud: Cloud) -> None:
    """The files of the page have addresses that change with their content."""
    app = application(cloud)
    found = re.findall(r'(?:href|src)="(/assets/[^"]+)"', get(app, "/").body)
    assert len(found) == 3
    for path in found:
        answer = get(app, path)
        assert answer.status == "200 OK"
        assert "immutable" in answer.headers["Cache-Control"]


def test_nothing_comes_from_elsewhere(cloud: Cloud) -> None:
    """No file of the page names another host, and nothing in it is inline."""
    app = application(cloud)
    body = get(app, "/").body
    paths = re.findall(r'(?:href|src)="(/assets/[^"]+)"', body)
    texts = [body, *(get(app, path).body for path in paths)]
    for text in texts:
        allowed = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|\bstyle=|\bon[a-z]+=", allowed)
