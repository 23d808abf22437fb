# SPDX-License-Identifier: Apache-2.0
"""Octavia's Python in a container, which has none of this host's files.

Source: kolla-ansible and Atmosphere run Octavia's services in containers only.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.octavia import introspection, program_runner
from amphv2_bootstrap.adapters.octavia.interpreter import (
    arguments_of,
    find_python,
    is_command,
)
from amphv2_bootstrap.errors import CancelledError, PermanentError
from amphv2_bootstrap.spec.masking import NOTHING_SECRET
from tests.servers import container
from tests.servers.process import wait_until

DB_MANAGE = "octavia-db-manage"


@pytest.mark.parametrize(
    ("command", "python"),
    [
        (
            ("docker", "exec", "--user", "root", "octavia_worker", DB_MANAGE),
            "docker exec -i --user root octavia_worker python3",
        ),
        (
            ("/usr/bin/podman", "exec", "-i", "octavia worker", DB_MANAGE, "--debug"),
            "/usr/bin/podman exec -i 'octavia worker' python3",
        ),
        (
            ("nerdctl", "-n", "k8s.io", "exec", "worker", f"/venv/bin/{DB_MANAGE}"),
            "nerdctl -n k8s.io exec -i worker /venv/bin/python3",
        ),
        (
            ("kubectl", "-n", "openstack", "exec", "deploy/worker", "--", DB_MANAGE),
            "kubectl -n openstack exec -i deploy/worker -- python3",
        ),
        (
            ("lxc-attach", "-n", "ctl1_octavia", "--", f"/opt/octavia/bin/{DB_MANAGE}"),
            "lxc-attach -n ctl1_octavia -- /opt/octavia/bin/python3",
        ),
        (("sh", "-c", "true", DB_MANAGE), None),
        (("docker", "run", "octavia", DB_MANAGE), None),
    ],
)
def test_it_is_derived_from_a_containers_db_manage(
    command: tuple[str, ...], python: str | None
) -> None:
    """The same container, with stdin kept open, and the Python beside the program."""
    assert find_python(command) == python
    assert python is None or is_command(python)


def test_a_path_with_a_space_is_no_command(tmp_path: Path) -> None:
    """An interpreter that exists is taken as it is."""
    python = tmp_path / "a python"
    python.touch()
    assert arguments_of(str(python)) == (str(python),)


@pytest.fixture
def host_files(tmp_path: Path) -> Path:
    """A folder that the container doesn't see."""
    folder = tmp_path / "host"
    folder.mkdir()
    return folder


@pytest.fixture
def conf(host_files: Path) -> Path:
    conf = host_files / "octavia.conf"
    conf.write_bytes(
        b"# Schl\xc3\xbcssel\n[task_flow]\njobboard_enabled = yes\n"
        b"jobboard_backend_password = s3cret\n"
    )
    return conf


def _in_container(tmp_path: Path, host_files: Path, python: str) -> str:
    docker = container.install(tmp_path, [host_files], python)
    return f"{docker} exec -i octavia_worker python3"


def test_versions_and_options_of_the_container(
    tmp_path: Path, host_files: Path, conf: Path, octavia_python_path: str
) -> None:
    """Octavia there says what its release makes of the host's file and the overlay."""
    python = _in_container(tmp_path, host_files, octavia_python_path)
    assert introspection.versions(python) == introspection.versions(octavia_python_path)
    assert introspection.release(python) == introspection.release(octavia_python_path)
    assert introspection.revisions(python)
    assert introspection.can_import_driver(python, "redis") == (True, "")
    overlay = host_files / "overlay.conf"
    overlay.write_text("[task_flow]\njobboard_backend_namespace = mine\n")
    sources = (str(conf), str(overlay))
    found = introspection.load_task_flow(python, sources)
    assert found == introspection.load_task_flow(octavia_python_path, sources)
    assert found.values["jobboard_backend_namespace"] == "mine"
    assert found.values["jobboard_backend_password"] == "s3cret"


def test_no_secret_is_an_argument(tmp_path: Path, host_files: Path, conf: Path) -> None:
    """The file goes by stdin; the programs, which hold no secret, by one argument."""
    python = _in_container(tmp_path, host_files, container.own_python())
    result = program_runner.run(
        python, "canary", [str(conf)], timeout=60, masker=NOTHING_SECRET
    )
    assert result.chain[0].type == "builtins.ModuleNotFoundError"  # octavia
    calls = (tmp_path / "calls").read_text()
    assert "s3cret" not in calls
    assert len(calls) < 60_000


def test_a_file_that_octavia_cannot_load(
    tmp_path: Path, host_files: Path, conf: Path, octavia_python_path: str
) -> None:
    """The error names the host's file, and doesn't quote it."""
    python = _in_container(tmp_path, host_files, octavia_python_path)
    conf.write_text("[task_flow\ns3cret\n")
    with pytest.raises(PermanentError, match="parsed") as caught:
        introspection.load_task_flow(python, (str(conf),))
    assert str(conf) in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["octavia_api", "octavia_worker"])
def test_a_container_that_is_away(name: str, tmp_path: Path, host_files: Path) -> None:
    """The error says what to look at."""
    docker = container.install(tmp_path, [host_files], "/bin/false")
    python = f"{docker} exec -i {name} python3"
    with pytest.raises(PermanentError) as caught:
        introspection.versions(python)
    assert python in str(caught.value)
    assert "the container must run" in str(caught.value)


IMPORT = program_runner.line({"ask": "import", "modules": ["endless"]})


@pytest.fixture
def endless(tmp_path: Path, host_files: Path) -> Iterator[tuple[str, ...]]:
    """Starts a program in the container that has no end; it isn't left there."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "endless.py").write_text(
        "import os, pathlib, time\n"
        f"pathlib.Path({str(tmp_path)!r}, 'pid').write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nexec env PYTHONPATH={inside} {container.own_python()} "$@"\n'
    )
    python.chmod(0o755)
    command = _in_container(tmp_path, host_files, str(python))
    yield program_runner.command(command, "answering")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def _has_begun(tmp_path: Path) -> bool:
    pid = tmp_path / "pid"
    return pid.exists() and bool(pid.read_text())


def _is_gone(tmp_path: Path) -> bool:
    return not Path("/proc", (tmp_path / "pid").read_text()).exists()


def test_a_cancelled_program_does_not_stay_in_the_container(
    tmp_path: Path, endless: tuple[str, ...]
) -> None:
    """No signal reaches it there: it ends with its stdin."""
    cancelled = threading.Event()

    def cancel() -> None:
        wait_until(lambda: _has_begun(tmp_path), what="it has begun")
        cancelled.set()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(CancelledError):
        commands.run(endless, timeout=90, cancelled=cancelled, stdin=IMPORT, grace=60)
    canceller.join()
    wait_until(lambda: _is_gone(tmp_path), what="it has ended")


def test_a_killed_conductor_leaves_no_program_in_the_container(
    tmp_path: Path, endless: tuple[str, ...]
) -> None:
    """What was started there ends when the client does."""
    client = subprocess.Popen(
        endless, stdin=subprocess.PIPE, text=True, start_new_session=True
    )
    assert client.stdin is not None
    client.stdin.write(IMPORT)
    client.stdin.flush()
    wait_until(lambda: _has_begun(tmp_path), what="it has begun")
    os.killpg(client.pid, signal.SIGKILL)
    client.wait()
    wait_until(lambda: _is_gone(tmp_path), what="it has ended")
    client.stdin.close()
