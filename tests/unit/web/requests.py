# SPDX-License-Identifier: Apache-2.0
"""Requests to the application, without a server between."""

from dataclasses import dataclass, field
from typing import Any

from amphv2_bootstrap.conf.http.settings import HttpSettings
from amphv2_bootstrap.engine.measures import Measures
from amphv2_bootstrap.spec.secret import Secret
from amphv2_bootstrap.web.application import Application
from amphv2_bootstrap.web.health import Pulse
from amphv2_bootstrap.web.metrics import Source
from tests.unit.engine.toys import Cloud

OWNER = "tester:1:none:0"


@dataclass
class Answer:
    """What came back."""

    status: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


def application(
    cloud: Cloud, token: str | None = None, patience: float = 60.0
) -> Application:
    """Of a conductor that works on this cloud."""
    settings = HttpSettings("127.0.0.1", 9187, Secret(token) if token else None)
    source = Source(Measures(), lambda: cloud.store, OWNER, "1.0", "/nonexistent")
    return Application(settings, lambda: cloud.store, Pulse(patience), source)


def get(app: Application, path: str, query: str = "", **environ: Any) -> Answer:
    """Ask for a path."""
    answer = Answer()

    def start(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
        answer.status, answer.headers = status, dict(headers)

    asked = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_HOST": "127.0.0.1:9187",
        **environ,
    }
    answer.body = b"".join(app(asked, start)).decode()
    return answer
