# SPDX-License-Identifier: Apache-2.0
"""The place of a host among the key-value servers."""

import pytest

from amphv2_bootstrap.adapters.install.server_setup import Place, place_of
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec, Value


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
