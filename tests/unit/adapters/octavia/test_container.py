# SPDX-License-Identifier: Apache-2.0
"""Octavia's Python in a container, which has none of this host's files.

Source: kolla-ansible and Atmosphere run Octavia's services in containers only.
"""

from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.octavia import introspection, program_runner
from amphv2_bootstrap.adapters.octavia.interpreter import (
    arguments_of,
    find_python,
    is_command,
)
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.masking import NOTHING_SECRET
from tests.servers import container

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
