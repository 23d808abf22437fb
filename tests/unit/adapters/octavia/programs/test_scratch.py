# SPDX-License-Identifier: Apache-2.0
"""The scratch namespace, and which remains are removed."""

from types import SimpleNamespace
from typing import Any

import pytest

from amphv2_bootstrap.adapters.octavia.programs.scratch import Scratch


class Conf(dict[str, Any]):
    """The used part of oslo.config's CONF."""

    def set_override(self, name: str, value: Any, group: str) -> None:
        setattr(self[group], name, value)


def _conf(driver: str = "redis", namespace: str = "octavia_jobboard") -> Conf:
    group = SimpleNamespace(
        jobboard_backend_namespace=namespace,
        jobboard_backend_driver=f"{driver}_taskflow_driver",
    )
    return Conf(task_flow=group)


@pytest.mark.parametrize("driver", ["redis", "zookeeper", "etcd"])
def test_namespace_is_beside_octavias(driver: str) -> None:
    """Each run has its own recognizable namespace, which Octavia's driver gets."""
    conf = _conf(driver)
    scratch = Scratch(conf, 1_000_000, 60)
    name = conf["task_flow"].jobboard_backend_namespace
    assert name.startswith("octavia_jobboard_amphv2_canary_")
    assert scratch.namespace == name
    assert Scratch(_conf(driver), 1_000_000, 60).namespace != name


def test_zookeepers_folder_name_is_unique_in_the_path() -> None:
    """The board's name occurs once, since taskflow replaces every occurrence."""
    scratch = Scratch(_conf("zookeeper", "a/job"), 1_000_000, 60)
    path, _, name = scratch.namespace.rpartition("/")
    assert path == scratch.root
    assert name not in path


class Redis:
    """The used part of a Redis client."""

    def __init__(self, *keys: str) -> None:
        self.keys = set(keys)

    def scan_iter(self, match: str, count: int) -> list[bytes]:
        assert match == r"odd\[1\]_amphv2_canary_*"
        return [key.encode() for key in sorted(self.keys)]

    def delete(self, key: str) -> None:
        self.keys.remove(key)


def test_only_remains_of_ended_runs_are_removed() -> None:
    """Only names with a time that is certainly over are removed."""
    now = 1_000_000
    over = f"odd[1]_amphv2_canary_{now - 1000:08x}_00000000:listings"
    kept = {
        f"odd[1]_amphv2_canary_{now - 10:08x}_00000000:listings",
        f"odd[1]_amphv2_canary_{now + 10:08x}_00000000:listings",
        "odd[1]_amphv2_canary_notes",
    }
    client = Redis(over, *kept)
    scratch = Scratch(_conf(namespace="odd[1]"), now, 60)
    assert scratch.remove_orphans(SimpleNamespace(_client=client)) == 1
    assert client.keys == kept
