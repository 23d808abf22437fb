# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from amphv2_bootstrap.spec.octavia_options import TASK_FLOW_OPTIONS
from amphv2_bootstrap.spec.task_flow_group import Group, Place, Trap
from amphv2_bootstrap.spec.task_flow_rules import traps

DEFAULTS = {option.name: option.default for option in TASK_FLOW_OPTIONS}


ENGINE = {
    "jobboard_backend_driver": "redis",
    "jobboard_backend_namespace": "amphv2_bootstrap",
    "jobboard_backend_hosts": ["kv1"],
    "jobboard_expiration_time": 10,
}


def _found(driver: str, controllers: int = 3, **values: Any) -> list[Trap]:
    """The traps in a good octavia.conf of that driver, changed by ``values``."""
    ports = {"redis": 6379, "zookeeper": 2181, "etcd": 2379}
    sound = {
        **DEFAULTS,
        "persistence_connection": "mysql+pymysql://o:s3cret@db/p",
        "jobboard_backend_driver": f"{driver}_taskflow_driver",
        "jobboard_backend_hosts": ["kv1"],
        "jobboard_backend_port": ports[driver],
        "jobboard_expiration_time": 100,
    }
    return list(traps(Group({**sound, **values}, Place.FILE, controllers)))


def _engine(**values: Any) -> list[Trap]:
    """The traps in a good group of the engine's own, changed by ``values``."""
    return list(traps(Group({**ENGINE, **values}, Place.ENGINE, 3)))


@pytest.mark.parametrize("driver", ["redis", "zookeeper", "etcd"])
def test_a_good_configuration_has_no_trap(driver: str) -> None:
    """Octavia's own defaults of the dictionaries are no trap."""
    assert _found(driver) == []


@pytest.mark.parametrize(
    ("driver", "values", "words"),
    [
        ("redis", {"jobboard_expiration_time": 99}, "is 99 s"),
        ("etcd", {"jobboard_expiration_time": 30}, "is 30 s"),
        (
            "etcd",
            {"jobboard_etcd_ssl_options": {"use_ssl": "False"}},
            "use_ssl:False, but Octavia takes any use_ssl for https",
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
            "b doesn't help. Set jobboard_redis_sentinel",
        ),
        ("etcd", {"jobboard_backend_hosts": ["a", "b", "c"]}, "b, c doesn't help"),
        ("zookeeper", {"jobboard_backend_port": 6379}, "zookeeper listens on 2181"),
        ("etcd", {"jobboard_backend_port": 6379}, "etcd listens on 2379"),
        (
            "redis",
            {"jobboard_redis_sentinel": "mymaster"},
            "Sentinel listens on 26379",
        ),
        ("etcd", {"jobboard_backend_password": "s3cret"}, "doesn't read it: only TLS"),
        (
            "zookeeper",
            {"jobboard_backend_password": "s3cret"},
            "doesn't read it: only TLS",
        ),
        ("redis", {"persistence_connection": "sqlite://"}, "database in memory"),
        (
            "redis",
            {"jobboard_backend_hosts": ["127.0.0.1"]},
            "different server on each",
        ),
        ("zookeeper", {"jobboard_backend_hosts": ["fd00::1"]}, "Write [fd00::1]"),
        ("etcd", {"jobboard_backend_hosts": ["[fd00::1]"]}, "Write fd00::1"),
        (
            "redis",
            {"jobboard_redis_backend_ssl_options": {"ssl_ca_certs": "/ca"}},
            "lacks ssl,",
        ),
        (
            "zookeeper",
            {"jobboard_zookeeper_ssl_options": {"use_ssl": "True"}},
            "kazoo 2.11.0",
        ),
        (
            "etcd",
            {"jobboard_etcd_ssl_options": {"use_ssl": "True", "cert_cert": "/c"}},
            "has cert_cert without cert_key, so no certificate is sent",
        ),
    ],
)
def test_each_trap_is_reported(driver: str, values: dict[str, Any], words: str) -> None:
    """A trap is one sentence with option and advice, without a secret."""
    (trap,) = _found(driver, **values)
    assert words in str(trap)
    assert str(trap).startswith(f"{trap.option} ")
    assert str(trap).endswith(".")
    assert "s3cret" not in str(trap)


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
        ("zookeeper", {"jobboard_backend_hosts": ["[fd00::1]"]}),
        ("etcd", {"jobboard_redis_sentinel": "mymaster"}),
    ],
)
def test_what_only_looks_like_a_trap_is_accepted(
    driver: str, values: dict[str, Any]
) -> None:
    """Options that the driver doesn't read, or that are right for it, are no traps."""
    assert _found(driver, **values) == []


def test_one_controller_may_use_loopback() -> None:
    """On a single host the name means one server only."""
    assert _found("redis", 1, jobboard_backend_hosts=["localhost"]) == []


def test_values_that_octavia_refused_may_be_missing() -> None:
    """Missing values are no trap, and no error."""
    assert list(traps(Group({}, Place.FILE))) == []


def test_the_engines_own_group_may_have_more() -> None:
    """Its boards accept values that are traps for Octavia's drivers."""
    tls = {"ssl": "False"}
    sentinel = {"jobboard_redis_sentinel": "m", "jobboard_backend_port": 26379}
    assert _engine(jobboard_redis_sentinel_ssl_options=tls, **sentinel) == []
    assert _engine(jobboard_backend_driver="zookeeper") == []
    several = {"jobboard_backend_hosts": ["kv1", "kv2"]}
    assert _engine(jobboard_backend_driver="etcd", **several) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"jobboard_backend_hosts": ["a", "b"]}, "uses the first only, a"),
        (
            {"jobboard_backend_driver": "sql"},
            "the driver is sql, which doesn't read it. Remove it",
        ),
        (
            {
                "jobboard_backend_driver": "etcd",
                "jobboard_etcd_ssl_options": {"use_ssl": "no"},
            },
            "has use_ssl:no",
        ),
    ],
)
def test_what_is_refused_in_the_engines_own_group(
    values: dict[str, Any], words: str
) -> None:
    """The rules for Octavia's group apply, with the same messages."""
    (trap,) = _engine(**values)
    assert words in str(trap)
    assert trap.severity == "refused"


def test_only_fatal_traps_keep_a_client_from_being_made() -> None:
    """A client works if it uses one host only, and with any expiration."""
    values = {
        "jobboard_backend_driver": "etcd_taskflow_driver",
        "jobboard_backend_hosts": ("kv1", "kv2"),
        "jobboard_expiration_time": 5,
        "jobboard_etcd_ssl_options": {"ca_cert": "/ca"},
    }
    found = traps(Group(values, Place.CLIENT))
    assert {trap.option: trap.severity for trap in found} == {
        "jobboard_backend_hosts": "warning",
        "jobboard_etcd_ssl_options": "fatal",
    }


def test_arguments_of_octavias_database_are_read() -> None:
    """A URL in octavia.conf that Octavia can't use, or not as it seems, is reported."""
    url = "mysql+pymysql://o:s3cret@db/p?ssl_ca=/ca&ssl_verify_cert=true"
    (trap,) = _found("redis", persistence_connection=url)
    assert trap.option == "persistence_connection"
    assert "forgets ssl_ca" in trap.what
    assert "s3cret" not in str(trap)


@pytest.mark.parametrize(
    ("driver", "key", "value"),
    [("redis", "ssl_cert_reqs", "none"), ("zookeeper", "verify_certs", "False")],
)
def test_a_server_that_is_not_verified_is_a_warning(
    driver: str, key: str, value: str
) -> None:
    """TLS to anybody who answers protects from readers only."""
    name = {
        "redis": "jobboard_redis_backend_ssl_options",
        "zookeeper": "jobboard_zookeeper_ssl_options",
    }[driver]
    switch = {"redis": "ssl", "zookeeper": "use_ssl"}[driver]
    on: dict[str, Any] = {name: {switch: "True", key: value}}
    off: dict[str, Any] = {name: {switch: "False", key: value}}
    (trap,) = (trap for trap in _found(driver, **on) if "pose as it" in trap.what)
    assert trap.severity == "warning"
    assert _found(driver, **off) == []


def test_the_engines_own_zookeeper_verifies_its_servers() -> None:
    """What Octavia's client can't do over TLS is no trap of the engine's own."""
    name = "jobboard_zookeeper_ssl_options"
    own = {"jobboard_backend_driver": "zookeeper"}
    assert _engine(**own, **{name: {"use_ssl": "True", "ca": "/ca"}}) == []
