# SPDX-License-Identifier: Apache-2.0
"""No error of a library shows a secret, whichever call raises it (promise P7)."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.functional.site import PASSWORD, KeyValue, MakeSite, Site

UNKNOWN = "unkn0wn-to-every-masker"
"""A secret that only the library knows, such as a line of an option file."""

_STEPS, _ENGINE = "amphv2_bootstrap/steps/", "amphv2_bootstrap/engine/execution/"
_QUERY, _CONNECT = "pymysql:Connection.query", "pymysql:Connection.connect"
_REDIS = "redis:Redis.execute_command"
_POPEN, _OPEN = "subprocess:Popen.__init__", "builtins:open"
_LOAD = "oslo_config.cfg:ConfigOpts.__call__"
_EXECUTE = "sqlalchemy.engine:Connection.execute"
_OPENED = "os:open"

# The call, its error and the error's arguments. A library's own error may quote what
# was configured; any other one, what nobody expects.
CASES: tuple[tuple[str, str, list[Any], str], ...] = (
    (_QUERY, "pymysql:OperationalError", [1290, f"near '{PASSWORD}'"], _STEPS),
    (_QUERY, "pymysql:ProgrammingError", [1064, f"syntax: {PASSWORD}"], _STEPS),
    (_QUERY, "builtins:KeyError", [UNKNOWN], _STEPS),
    (_CONNECT, "configparser:MissingSectionHeaderError", ["f", 1, UNKNOWN], _STEPS),
    (_CONNECT, "builtins:AttributeError", [UNKNOWN], _STEPS),
    (_CONNECT, "builtins:OSError", [13, f"denied: {PASSWORD}"], _STEPS),
    (_CONNECT, "builtins:RuntimeError", [UNKNOWN], _STEPS),
    (_CONNECT, "builtins:ValueError", [UNKNOWN], _STEPS),
    (_REDIS, "redis:ResponseError", [f"unknown command {PASSWORD}"], _STEPS),
    (_REDIS, "builtins:IndexError", [UNKNOWN], _STEPS),
    (_POPEN, "builtins:OSError", [7, f"too long: {PASSWORD}"], _STEPS),
    (_POPEN, "builtins:ValueError", [UNKNOWN], _STEPS),
    (_OPEN, "builtins:OSError", [5, f"I/O: {PASSWORD}"], _STEPS),
    (_OPEN, "builtins:UnicodeError", [UNKNOWN], _STEPS),
    (_OPENED, "builtins:OSError", [5, f"I/O: {PASSWORD}"], _STEPS),
    (_OPENED, "builtins:LookupError", [UNKNOWN], _STEPS),
    (_LOAD, "oslo_config.cfg:ConfigFileParseError", ["f", UNKNOWN], _STEPS),
    (_LOAD, "builtins:TypeError", [UNKNOWN], _STEPS),
    (_EXECUTE, "sqlalchemy.exc:InvalidRequestError", [UNKNOWN], _ENGINE),
    (_EXECUTE, "sqlalchemy.exc:StatementError", [UNKNOWN, "x", {}, None], _ENGINE),
)
# These servers aren't there: their client raises before it asks them.
AWAY = (
    ("zookeeper", "socket:create_connection", "builtins:OSError", [5, PASSWORD]),
    ("zookeeper", "socket:create_connection", "builtins:KeyError", [UNKNOWN]),
    ("etcd", "requests:Session.request", "requests:ConnectionError", [PASSWORD]),
    ("etcd", "requests:Session.request", "builtins:TypeError", [UNKNOWN]),
)


def _thrown(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    error: str,
    arguments: list[Any],
    within: str,
) -> None:
    """Run a job in which the call raises the error, and search all that is left."""
    marker = site.folder / "thrown"
    wanted = {
        "target": target,
        "error": error,
        "arguments": arguments,
        "within": within,
        "marker": str(marker),
        "prefix": sys.prefix,
    }
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "thrower"))
    monkeypatch.setenv("THROWER", json.dumps(wanted))
    done = site.cli("run", "-v")
    assert marker.exists(), done.stderr
    monkeypatch.delenv("THROWER")
    monkeypatch.delenv("PYTHONPATH")
    shown = site.cli("job", "show", "-f", "json")
    places = {"output": done.stdout + done.stderr, "job": shown.stdout + shown.stderr}
    for path in site.folder.parent.glob("engine.sqlite*"):
        places[path.name] = path.read_bytes().decode(errors="replace")
    assert "engine.sqlite" in places
    secrets = (PASSWORD, UNKNOWN)
    found = {
        place: [line for line in text.splitlines() if any(s in line for s in secrets)]
        for place, text in places.items()
    }
    assert not any(found.values()), found


@pytest.mark.parametrize(("target", "error", "arguments", "within"), CASES)
def test_an_error_of_a_call_shows_no_secret(
    make_site: MakeSite,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    error: str,
    arguments: list[Any],
    within: str,
) -> None:
    """Not in the output, the log at info, the job, or the engine's database."""
    site = make_site(hosts=("ctl1",))
    _thrown(site, monkeypatch, target, error, arguments, within)


@pytest.mark.parametrize(("driver", "target", "error", "arguments"), AWAY)
def test_an_error_of_another_backends_client_shows_no_secret(
    make_site: MakeSite,
    monkeypatch: pytest.MonkeyPatch,
    driver: str,
    target: str,
    error: str,
    arguments: list[Any],
) -> None:
    """Those of ZooKeeper's and etcd's clients neither."""
    site = make_site(hosts=("ctl1",))
    site.key_value = KeyValue(driver, 1)
    patience = {"step_retry_max_elapsed": "0"}
    site.write_configuration("ctl1", {"conductor": patience})
    _thrown(site, monkeypatch, target, error, arguments, _STEPS)
