# SPDX-License-Identifier: Apache-2.0
"""A specification that is read obeys the rules of one that is configured."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pytest

from amphv2_bootstrap.conf.wanted import problems_of
from amphv2_bootstrap.spec.model import Spec
from tests.unit.conf.configuration import Configuration, Options

ETCD = {"jobboard_backend_driver": "etcd_taskflow_driver"}
ZOOKEEPER = {"jobboard_backend_driver": "zookeeper_taskflow_driver"}
NO_PASSWORD = {"jobboard_backend_password": None}
GOOD: tuple[Options, ...] = (
    {},
    {"octavia": {**ETCD, **NO_PASSWORD}},
    {
        "octavia": {
            **ZOOKEEPER,
            **NO_PASSWORD,
            "jobboard_zookeeper_ssl_options": "use_ssl:True,keyfile:/k,certfile:/c,"
            "keyfile_password:k3y-Sesame",
            # Not on this host, which then needs no such files.
            "controllers": "c2,c3",
        }
    },
    {
        "octavia": {
            "jobboard_redis_sentinel": "mymaster",
            "jobboard_redis_sentinel_password": "sent1nel-Sesame",
            "jobboard_backend_port": "26379",
            "jobboard_backend_hosts": "kv1,kv2,kv3",
            "jobboard_expiration_time": "100",
        }
    },
    {"octavia": {"install_key_value_backend": "true", "key_value_hosts": "c1"}},
)


@pytest.mark.parametrize("change", GOOD)
def test_what_is_configured_is_accepted(
    change: Options, configuration: Configuration
) -> None:
    """Each good configuration's specification is good for whoever reads it."""
    spec = configuration.change(change).build().spec
    assert problems_of(_read(spec)) == []


def test_a_job_for_some_controllers_is_accepted(configuration: Configuration) -> None:
    """The hosts of the key-value backend needn't be among its controllers."""
    install = {"install_key_value_backend": "true", "key_value_hosts": "c1"}
    spec = configuration.change({"octavia": install}).build(["c2"]).spec
    assert problems_of(_read(spec)) == []


def _read(spec: Spec, **changes: Any) -> Spec:
    return Spec.from_dict(json.loads(json.dumps({**spec.to_dict(), **changes})))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"query": {"local_infile": "1"}}, "local_infile"),
        ({"query": {"init_command": "GRANT ALL"}}, "init_command"),
        ({"query": {"read_default_file": "/x"}}, "read_default_file"),
        ({"database": "mysql"}, "mysql"),
        ({"database": "a`b"}, "characters"),
        ({"database": None}, "no database"),
        ({"username": None}, "user name"),
        ({"host": None}, "no host"),
        ({"port": 0}, "port"),
        ({"drivername": "postgresql+evil"}, "driver"),
        ({"drivername": "sqlite", "database": "engine.sqlite"}, "relative"),
    ],
)
def test_a_bad_url_is_refused(
    change: Mapping[str, Any], says: str, configuration: Configuration
) -> None:
    """What no configuration may name, no specification may."""
    spec = configuration.build().spec
    url = {**spec.to_dict()["persistence"], **change}
    found = problems_of(_read(spec, persistence=url))
    assert says in " ".join(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("no_such_option", "x"),
        ("persistence_connection", "mysql+pymysql://evil/p"),
        ("jobboard_backend_password", "x"),
        ("jobboard_backend_driver", "evil_driver"),
        ("jobboard_backend_port", "6379"),
        ("jobboard_backend_port", 70000),
        ("jobboard_backend_port", True),
        ("jobboard_backend_hosts", "kv1"),
        ("jobboard_backend_hosts", []),
        ("jobboard_backend_hosts", ["kv1 evil"]),
        ("jobboard_backend_namespace", "../evil"),
        ("jobboard_save_logbook", 1),
        ("jobboard_zookeeper_ssl_options", {"keyfile_password": "x"}),
        ("jobboard_redis_backend_ssl_options", {"evil": "x"}),
        ("jobboard_redis_backend_ssl_options", {"ssl": "True", "ssl_ca_certs": "ca"}),
    ],
)
def test_a_bad_option_is_refused(
    name: str, value: Any, configuration: Configuration
) -> None:
    """Options of no name, type or value that can be configured are refused."""
    spec = configuration.build().spec
    task_flow = {**spec.to_dict()["task_flow"], name: value}
    assert name in " ".join(problems_of(_read(spec, task_flow=task_flow)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"controllers": ["c1", "c1"]}, "controllers"),
        ({"controllers": ["c1;rm"]}, "controllers"),
        ({"grant_hosts": ["%' OR '1"]}, "grant_hosts"),
        ({"grant_hosts": []}, "grant_hosts"),
        ({"secret_names": ["persistence_password", "evil"]}, "evil"),
        ({"secret_names": []}, "password"),
        ({"install_key_value_backend": True}, "key_value_hosts"),
        ({"on_failure": "evil"}, "on_failure"),
        ({"controllers_at_once": 0}, "controllers_at_once"),
    ],
)
def test_other_bad_fields_are_refused(
    change: Mapping[str, Any], says: str, configuration: Configuration
) -> None:
    """Names of hosts, secrets and ways to fail are checked, too."""
    spec = configuration.build().spec
    assert says in " ".join(problems_of(_read(spec, **change)))


def test_a_missing_option_is_refused(configuration: Configuration) -> None:
    """A specification always holds the options that are always written."""
    spec = configuration.build().spec
    other = {k: v for k, v in spec.task_flow.items() if k != "jobboard_backend_port"}
    found = problems_of(dataclasses.replace(spec, task_flow=other))
    assert "jobboard_backend_port" in " ".join(found)
