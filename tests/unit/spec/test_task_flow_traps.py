# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from amphv2_bootstrap.spec.octavia_options import TASK_FLOW_OPTIONS
from amphv2_bootstrap.spec.task_flow_traps import traps

DEFAULTS = {option.name: option.default for option in TASK_FLOW_OPTIONS}


def _found(driver: str, controllers: int = 3, **values: Any) -> tuple[str, ...]:
    """The traps of a sound configuration of that driver with ``values`` in it."""
    ports = {"redis": 6379, "zookeeper": 2181, "etcd": 2379}
    sound = {
        **DEFAULTS,
        "persistence_connection": "mysql+pymysql://o:s3cret@db/p",
        "jobboard_backend_driver": f"{driver}_taskflow_driver",
        "jobboard_backend_hosts": ["kv1"],
        "jobboard_backend_port": ports[driver],
        "jobboard_expiration_time": 100,
    }
    found = traps({**sound, **values}, controllers)
    assert all(text.endswith(".") for text in found)
    return found


@pytest.mark.parametrize("driver", ["redis", "zookeeper", "etcd"])
def test_a_sound_configuration_has_none(driver: str) -> None:
    """Not even one with Octavia's own defaults of the dictionaries."""
    assert _found(driver) == ()


@pytest.mark.parametrize(
    ("driver", "values", "told"),
    [
        ("redis", {"jobboard_expiration_time": 99}, "is 99 s"),
        ("etcd", {"jobboard_expiration_time": 30}, "is 30 s"),
        (
            "etcd",
            {"jobboard_etcd_ssl_options": {"use_ssl": "False"}},
            "use_ssl:False, which to Octavia means https",
        ),
        ("etcd", {"jobboard_etcd_ssl_options": {"ca_cert": "/ca"}}, "KeyError"),
        (
            "redis",
            {
                "jobboard_redis_sentinel": "mymaster",
                "jobboard_backend_port": 26379,
                "jobboard_redis_sentinel_ssl_options": {"ssl": "False"},
            },
            "ssl:False, which some versions of Octavia take for TLS",
        ),
        (
            "redis",
            {"jobboard_backend_hosts": ["a", "b"]},
            "b doesn't help. Use Sentinel",
        ),
        ("etcd", {"jobboard_backend_hosts": ["a", "b", "c"]}, "b, c doesn't help"),
        ("zookeeper", {"jobboard_backend_port": 6379}, "zookeeper listens on 2181"),
        ("etcd", {"jobboard_backend_port": 6379}, "etcd listens on 2379"),
        (
            "redis",
            {"jobboard_redis_sentinel": "mymaster"},
            "Sentinel listens on 26379",
        ),
        ("etcd", {"jobboard_backend_password": "s3cret"}, "doesn't send it"),
        ("zookeeper", {"jobboard_backend_password": "s3cret"}, "doesn't send it"),
        ("redis", {"persistence_connection": "sqlite://"}, "database in memory"),
        ("redis", {"jobboard_backend_hosts": ["127.0.0.1"]}, "another server on each"),
    ],
)
def test_each_trap_is_told(driver: str, values: dict[str, Any], told: str) -> None:
    """Alone, in a sentence with the option's name and what to do, without a secret."""
    (found,) = _found(driver, **values)
    assert told in found
    assert "s3cret" not in found


@pytest.mark.parametrize(
    ("driver", "values"),
    [
        ("zookeeper", {"jobboard_expiration_time": 30}),
        ("redis", {"jobboard_etcd_ssl_options": {"use_ssl": "False"}}),
        ("etcd", {"jobboard_etcd_ssl_options": {"use_ssl": " Yes "}}),
        ("redis", {"jobboard_redis_sentinel_ssl_options": {"ssl": "False"}}),
        (
            "redis",
            {
                "jobboard_redis_sentinel": "mymaster",
                "jobboard_backend_port": 26379,
                "jobboard_backend_hosts": ["a", "b"],
                "jobboard_redis_sentinel_ssl_options": {"ssl": "True"},
            },
        ),
        ("zookeeper", {"jobboard_backend_hosts": ["a", "b", "c"]}),
        ("redis", {"jobboard_backend_password": "s3cret"}),
    ],
)
def test_what_only_looks_like_a_trap_is_left_alone(
    driver: str, values: dict[str, Any]
) -> None:
    """Options that the driver doesn't read, or that are right for it."""
    assert _found(driver, **values) == ()


def test_one_controller_may_use_loopback() -> None:
    """There the name means one server only."""
    assert _found("redis", 1, jobboard_backend_hosts=["localhost"]) == ()


def test_values_that_octavia_refused_may_be_missing() -> None:
    """Nothing is told about them, and nothing is raised."""
    assert traps({}) == ()
