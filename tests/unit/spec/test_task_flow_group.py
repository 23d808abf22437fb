# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from amphv2_bootstrap.spec.octavia_options import TASK_FLOW_OPTIONS
from amphv2_bootstrap.spec.task_flow_group import (
    Group,
    Place,
    driver_of,
    is_boolean,
    is_true,
    uses_tls,
)

DEFAULTS = {option.name: option.default for option in TASK_FLOW_OPTIONS}


@pytest.mark.parametrize("text", ["1", "t", "True", "on", "Y", " yes "])
def test_true_words(text: str) -> None:
    """oslo.utils' words for true are accepted in any case and with spaces."""
    assert is_true(text)
    assert is_boolean(text)


@pytest.mark.parametrize("text", ["0", "f", "False", "off", "N", "no"])
def test_false_words(text: str) -> None:
    """oslo.utils' words for false are booleans, too."""
    assert not is_true(text)
    assert is_boolean(text)


@pytest.mark.parametrize("text", ["", "maybe", "None", "2"])
def test_words_that_are_neither(text: str) -> None:
    """Other words count as false, but aren't booleans."""
    assert not is_true(text)
    assert not is_boolean(text)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ssl": "True"}, True),
        ({"use_ssl": "yes"}, True),
        ({"use_ssl": "False", "ca_cert": "/ca"}, False),
        ({"ca_cert": "/ca"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_tls_is_used_if_its_switch_is_on(options: Any, expected: bool) -> None:
    """Options without the switch don't turn TLS on."""
    assert uses_tls(options) is expected


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("etcd_taskflow_driver", "etcd"),
        ("redis", "redis"),
        ("sql", "sql"),
        (None, ""),
    ],
)
def test_driver_of(name: str | None, driver: str) -> None:
    """Long and short names give the short one; a missing one gives none."""
    assert driver_of({"jobboard_backend_driver": name}) == driver


@pytest.mark.parametrize(
    ("values", "port"),
    [
        ({"jobboard_backend_driver": "etcd"}, 2379),
        ({"jobboard_backend_driver": "etcd", "jobboard_backend_port": 7}, 7),
        (
            {"jobboard_backend_driver": "redis", "jobboard_redis_sentinel": "m"},
            26379,
        ),
        ({"jobboard_backend_driver": "sql"}, 0),
    ],
)
def test_port(values: dict[str, Any], port: int) -> None:
    """The port is the option's, or the default of the server."""
    assert Group(values, Place.ENGINE).port == port


@pytest.mark.parametrize(
    ("place", "values", "names"),
    [
        (Place.FILE, {}, ["jobboard_redis_backend_ssl_options"]),
        (
            Place.FILE,
            {"jobboard_redis_sentinel": "m"},
            [
                "jobboard_redis_backend_ssl_options",
                "jobboard_redis_sentinel_ssl_options",
            ],
        ),
        (
            Place.OCTAVIA,
            {"jobboard_redis_backend_ssl_options": None},
            [
                "jobboard_redis_sentinel_ssl_options",
                "jobboard_zookeeper_ssl_options",
                "jobboard_etcd_ssl_options",
            ],
        ),
    ],
)
def test_tls_dictionaries(
    place: Place, values: dict[str, Any], names: list[str]
) -> None:
    """In octavia.conf only those count that Octavia reads; in ours all that are set."""
    group = Group({**DEFAULTS, **values}, place)
    assert [option.name for option, _ in group.tls()] == names
