# SPDX-License-Identifier: Apache-2.0
"""The files of a key-value server, and its place among the others."""

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.install.server_setup import (
    Place,
    WantedFile,
    place_of,
)
from amphv2_bootstrap.errors import BootstrapError, PermanentError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec, Value
from tests.unit.irreplaceable import WAYS
from tests.unit.service_folder import (
    SECRET,
    SERVICE,
    ServiceFolder,
    as_root,
    service_folder,
)


def spec(
    addresses: tuple[str, ...], hosts: tuple[str, ...], controllers: int = 1
) -> Spec:
    task_flow: dict[str, Value] = {
        "jobboard_backend_driver": "zookeeper_taskflow_driver",
        "jobboard_backend_hosts": addresses,
        "jobboard_backend_port": 2181,
    }
    names = tuple(f"ctl{number}" for number in range(controllers))
    return Spec(DatabaseUrl("sqlite"), task_flow, names, key_value_hosts=hosts)


def test_hosts_pair_up_with_addresses() -> None:
    """The second host has the second address."""
    wanted = spec(("192.0.2.1", "127.0.0.1"), ("kv1", "kv2"))
    assert place_of(wanted, "kv2") == Place(2, "127.0.0.1")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (spec(("192.0.2.1",), ("kv1",)), "not an address of this host"),
        (spec(("127.0.0.1",), ("kv2",)), "pair up"),
        (spec(("127.0.0.1",), ("kv1", "kv2")), "pair up"),
        (spec(("localhost",), ("kv1",), controllers=2), "loopback"),
    ],
)
def test_no_place(wanted: Spec, words: str) -> None:
    """Each wrong assignment has its own error, with advice."""
    with pytest.raises(PermanentError, match=words) as caught:
        place_of(wanted, "kv1")
    assert "jobboard_backend_hosts" in caught.value.todo


@pytest.fixture
def service() -> Iterator[ServiceFolder]:
    with service_folder() as made:
        yield made


@as_root
@pytest.mark.parametrize("content", [b"1\n", SECRET])
@pytest.mark.parametrize("private", [True, False])
def test_no_link_of_the_server_is_followed(
    content: bytes, private: bool, service: ServiceFolder
) -> None:
    """A link in the server's folder is neither read nor written through."""
    (service.path / "myid").symlink_to(service.victim)
    (service.path / "new").symlink_to(service.victims / "new")
    (service.path / "folder").symlink_to(service.victims)
    for name in ("myid", "new", "folder/myid"):
        file = WantedFile(service.path / name, content, private=private)
        for attempt in (file.is_there, file.put):
            with pytest.raises(PermanentError, match="is a symbolic link"):
                attempt()
    service.assert_harmless()


@as_root
@pytest.mark.parametrize("private", [True, False])
def test_links_swapped_in_meanwhile_change_nothing(
    private: bool, service: ServiceFolder
) -> None:
    """The server's user swaps file and link all the time, and gains nothing."""
    service.victim.chmod(0o604)  # a private file would lose the right of others
    file = WantedFile(service.path / "myid", b"1\n", private=private)
    with service.racing("myid", b"2\n"):
        for _ in range(150):
            with contextlib.suppress(BootstrapError):
                file.put()
            (service.path / "myid").unlink(missing_ok=True)
    assert stat.S_IMODE(service.victim.stat().st_mode) == 0o604
    service.victim.chmod(0o600)
    service.assert_harmless()


@as_root
def test_a_new_file_gets_its_folders_owner(service: ServiceFolder) -> None:
    """The server may read the new file; a private one is closed to others."""
    file = WantedFile(service.path / "myid", b"1\n", private=True)
    assert not file.is_there()
    file.put()
    assert file.is_there()
    found = file.path.stat()
    assert (found.st_uid, found.st_gid) == (SERVICE, SERVICE)
    assert stat.S_IMODE(found.st_mode) == 0o640
    file.path.chmod(0o644)
    assert not file.is_there()
    file.put()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o640


@pytest.mark.parametrize("way", WAYS)
def test_an_irreplaceable_file_is_found_first(way: str, tmp_path: Path) -> None:
    """The step can check it before it asks for a restart; a new file is no obstacle."""
    path = tmp_path / "redis.conf"
    file = WantedFile(path, b"new\n")
    file.check()
    path.write_bytes(b"old\n")
    make, words = WAYS[way]
    with make(path), pytest.raises(PermanentError, match=words):
        file.check()
