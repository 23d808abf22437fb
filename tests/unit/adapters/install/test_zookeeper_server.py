# SPDX-License-Identifier: Apache-2.0
"""The lines of zoo.cfg; the functional tests have a real ZooKeeper read them."""

from dataclasses import replace
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.install.server_setup import Layout
from amphv2_bootstrap.adapters.install.zookeeper_server import ZooKeeper, wanted_files

ALONE = ZooKeeper("192.0.2.1", 2181, ("kv1",), 1)
STOCK = b"tickTime=2000\ndataDir=/tmp/zookeeper\nclientPort=2181\n#autopurge.x=1\n"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A stock file and an empty data folder."""
    (tmp_path / "zoo.cfg").write_bytes(STOCK)
    (tmp_path / "data").mkdir()
    return Layout(
        ("zookeeperd",), "zookeeper", (tmp_path / "zoo.cfg",), tmp_path / "data"
    )


def test_alone(layout: Layout) -> None:
    """A single server has persistent data, no admin server and no ensemble."""
    config, number = wanted_files(layout, ALONE)
    lines = config.content.decode().splitlines()
    assert f"dataDir={layout.data_folder}" in lines
    assert "clientPortAddress=192.0.2.1" in lines
    assert "admin.enableServer=false" in lines
    assert lines[0] == "tickTime=2000"
    assert "#autopurge.x=1" in lines
    assert not [line for line in lines if line.startswith("server.")]
    assert number.content == b"1\n"


def test_ensemble_in_the_order_of_the_hosts(layout: Layout) -> None:
    """Servers stand in the hosts' order; IPv6 is bracketed once."""
    servers = ("kv1", "2001:db8::2", "[2001:db8::3]")
    config, number = wanted_files(layout, replace(ALONE, servers=servers, number=3))
    lines = config.content.decode().splitlines()
    assert [line for line in lines if line.startswith("server.")] == [
        "server.1=kv1:2888:3888",
        "server.2=[2001:db8::2]:2888:3888",
        "server.3=[2001:db8::3]:2888:3888",
    ]
    assert number.content == b"3\n"


def test_servers_that_left_the_ensemble_go(layout: Layout) -> None:
    """A second run with fewer hosts removes the lines of the others."""
    for file in wanted_files(layout, replace(ALONE, servers=("a", "b", "c"))):
        file.put()
    config, _ = wanted_files(layout, ALONE)
    assert b"server." not in config.content


def test_number_can_be_read_by_the_service(layout: Layout) -> None:
    """A new ``myid`` gets the owner of the data folder."""
    _, number = wanted_files(layout, ALONE)
    number.put()
    owner = layout.data_folder.stat()
    made = number.path.stat()
    assert (made.st_uid, made.st_gid) == (owner.st_uid, owner.st_gid)
    assert number.is_there()
