# SPDX-License-Identifier: Apache-2.0
"""Octavia's files in a container: its own, and this host's octavia.conf among them.

Source: openstack-helm starts octavia-worker with --config-dir
/etc/octavia/octavia.conf.d; kolla-ansible copies octavia.conf when a container starts.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.octavia import config_sources, introspection
from amphv2_bootstrap.adapters.octavia.config_sources import FILE, FOLDER
from amphv2_bootstrap.adapters.octavia.programs.options import INSIDE
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings
from tests.servers import container

NAMESPACE = "jobboard_backend_namespace"


@dataclass
class Service:
    """A service in a container, and its paths: on this host, and there."""

    host: HostSettings
    conf: Path
    own: Path
    there: Path

    @property
    def python(self) -> str:
        return str(self.host.octavia_python)

    def started_with(self, *arguments: tuple[str, str]) -> tuple[str, ...]:
        """The sources of a service with these arguments."""
        pairs = tuple((kind, f"{self.there}/{name}") for kind, name in arguments)
        host = replace(self.host, service_arguments=pairs)
        return config_sources.sources(host, self.python)

    def namespace(self, *arguments: tuple[str, str]) -> object:
        """What the service makes of the files."""
        found = introspection.load_task_flow(self.python, self.started_with(*arguments))
        return found.values[NAMESPACE]


@pytest.fixture
def service(tmp_path: Path, octavia_python_path: str) -> Service:
    """The container has an older octavia.conf, and a folder that this host lacks."""
    home, own, there = (tmp_path / name for name in ("host", "own", "there"))
    for folder in (home, own / "conf.d", there):
        folder.mkdir(parents=True)
    conf = home / "octavia.conf"
    conf.write_text(f"[task_flow]\n{NAMESPACE} = host\n")
    (own / "octavia.conf").write_text(f"[task_flow]\n{NAMESPACE} = older\n")
    (own / "conf.d/50.conf").write_text(
        f"[task_flow]\n{NAMESPACE} = folder\n[api_settings]\n"
        "default_provider_driver = ovn\nenabled_provider_drivers = ovn:OVN.\n"
    )
    docker = container.install(tmp_path, [home], octavia_python_path, {there: own})
    host = HostSettings(
        "ctl1",
        str(tmp_path / "state"),
        (str(conf),),
        DatabaseUrl("mysql+pymysql"),
        ("true",),
        octavia_python=f"{docker} exec -i octavia_worker python3",
        host_paths={str(there): str(home)},
    )
    return Service(host, conf, own, there)


def test_the_containers_own_folder_is_loaded(service: Service) -> None:
    """Its order is that of the arguments; octavia.conf is this host's newer one."""
    file, folder = (FILE, "octavia.conf"), (FOLDER, "conf.d")
    own = f"{INSIDE}{service.there}/conf.d/50.conf"
    assert service.started_with(file, folder) == (str(service.conf), own)
    assert service.started_with(folder, file) == (own, str(service.conf))
    assert service.namespace(file, folder) == "folder"
    assert service.namespace(folder, file) == "host"


def test_octavia_conf_may_be_in_the_folder(service: Service) -> None:
    """It takes its place among the folder's files, though it isn't copied there yet."""
    conf = service.conf.with_name("conf.d") / "40.conf"
    conf.parent.mkdir()
    conf.write_text(service.conf.read_text())
    service.host = replace(service.host, config_files=(str(conf),))
    own = f"{INSIDE}{service.there}/conf.d/50.conf"
    assert service.started_with((FOLDER, "conf.d")) == (str(conf), own)
    assert config_sources.files(service.host) == (conf,)


def test_the_default_provider_of_the_folder_counts(service: Service) -> None:
    """Whether load balancers use the jobboard is decided by what the service loads."""
    sources = service.started_with((FILE, "octavia.conf"), (FOLDER, "conf.d"))
    found = introspection.load_providers(service.python, sources)
    assert found == ("ovn", {"ovn": "OVN."})


def test_a_file_there_that_octavia_cannot_load(service: Service) -> None:
    """The error names the container's file, or this host's, whichever it is."""
    arguments = ((FOLDER, "conf.d"), (FILE, "octavia.conf"))
    service.conf.write_text("[task_flow\ns3cret\n")
    with pytest.raises(PermanentError, match=f"{service.conf} can't") as caught:
        service.namespace(*arguments)
    assert "s3cret" not in str(caught.value)
    (service.own / "conf.d/50.conf").write_text("[task_flow\ns3cret\n")
    with pytest.raises(PermanentError, match=r"conf\): it can't be parsed"):
        service.namespace(*arguments)


def test_a_stated_file_that_the_container_lacks(service: Service) -> None:
    """The service couldn't start either."""
    with pytest.raises(PermanentError, match="can't be loaded"):
        service.namespace((FILE, "octavia.conf"), (FILE, "missing.conf"))
