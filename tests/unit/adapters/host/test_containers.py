# SPDX-License-Identifier: Apache-2.0
import json
import shlex
import threading
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.host import containers
from amphv2_bootstrap.adapters.host.containers import Container, restarted_by
from amphv2_bootstrap.errors import PermanentError, TransientError
from tests.unit.adapters.host.forking import crashing, steady

_DOCKER = """#!/bin/sh
# 'docker container inspect NAME' prints the file of that name.
cd "$(dirname "$0")"
[ "$1 $2" = "container inspect" ] || exit 9
echo one >>looks
sed "s/LOOKS/$(wc -l <looks)/" "$3" 2>/dev/null || { echo "no such container"; exit 1; }
"""


@pytest.fixture
def docker(tmp_path: Path) -> str:
    """A fake docker; its containers are files."""
    program = tmp_path / "docker"
    program.write_text(_DOCKER)
    program.chmod(0o755)
    return str(program)


def _container(docker: str, name: str, state: dict[str, Any], **more: Any) -> Container:
    text = json.dumps([{"State": state, **more}])
    (Path(docker).parent / name).write_text(text)
    (container,) = restarted_by((docker, "restart", name))
    return container


def _check(container: Container, seconds: float = 0.0) -> None:
    container.check_steady(seconds, threading.Event())


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("docker restart octavia_worker", ("octavia_worker",)),
        ("/usr/bin/podman restart -t 600 a b", ("a", "b")),
        ("sudo nerdctl container restart --time=5 a", ("a",)),
        ("docker --debug restart a", ("a",)),
        ("docker compose restart octavia-worker", ()),
        ("docker --context far restart a", ()),
        ("systemctl restart octavia-worker", ()),
        ("kubectl rollout restart deployment/octavia-worker", ()),
        ("/opt/restart-octavia", ()),
    ],
)
def test_restarted_containers_are_known_by_the_command(
    command: str, names: tuple[str, ...]
) -> None:
    """What isn't surely the restart of containers by name names none."""
    found = restarted_by(shlex.split(command))
    assert tuple(container.name for container in found) == names


def test_a_container_is_asked_for_by_the_same_tool() -> None:
    """With what stands before it, such as sudo, and the same options."""
    (container,) = restarted_by(("sudo", "docker", "--debug", "restart", "a"))
    assert container.tool == ("sudo", "docker", "--debug")


def test_a_container_that_stays_up_is_steady(docker: str) -> None:
    """Running, with the same process."""
    with steady() as pid:
        state = {"Running": True, "Pid": pid, "StartedAt": "2026-01-01"}
        _check(_container(docker, "a", state), 0.3)


def test_a_container_whose_processes_crash_is_an_error(docker: str) -> None:
    """Its first process is an init, which stays up; the advice names its log."""
    with crashing() as pid:
        container = _container(docker, "a", {"Running": True, "Pid": pid})
        with pytest.raises(PermanentError, match=r"that it forks end.*docker logs a'"):
            _check(container, 3600)


def test_a_container_that_is_started_again_is_an_error(docker: str) -> None:
    """docker counts how often its restart policy did so."""
    state = {"Running": True, "Pid": 4194305}
    container = _container(docker, "a", state, RestartCount="LOOKS")
    with pytest.raises(PermanentError, match="started again by itself"):
        _check(container, 3600)


def test_a_container_that_does_not_run_is_an_error(
    docker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for, but not without end."""
    monkeypatch.setattr(containers, "_START_TIMEOUT", 0.0)
    container = _container(docker, "a", {"Running": False, "Status": "exited"})
    with pytest.raises(PermanentError, match="it is exited"):
        _check(container)


def test_a_tool_that_does_not_answer_is_a_transient_error(docker: str) -> None:
    """The error quotes it, but never the description of a container."""
    (container,) = restarted_by((docker, "restart", "missing"))
    with pytest.raises(TransientError, match="no such container"):
        _check(container)
    garbage = _container(docker, "a", {})
    (Path(docker).parent / "a").write_text("PASSWORD=s3cr3t")
    with pytest.raises(TransientError) as caught:
        _check(garbage)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "config", "seconds"),
    [
        ((), {}, 10.0),
        ((), {"StopTimeout": 60}, 60.0),
        (("-t", "600"), {"StopTimeout": 60}, 600.0),
        (("--time=900",), {}, 900.0),
        (("-t", "-1"), {}, float("inf")),
    ],
)
def test_the_time_to_stop_is_known(
    docker: str, options: tuple[str, ...], config: dict[str, int], seconds: float
) -> None:
    """That of the command, else that of the container, else the tools' default."""
    _container(docker, "a", {}, Config=config)
    (container,) = restarted_by((docker, "restart", *options, "a"))
    assert container.stop_seconds() == seconds
