# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all tests: the real servers."""

pytest_plugins = [
    "tests.servers.etcd",
    "tests.servers.mariadb",
    "tests.servers.octavia",
    "tests.servers.rabbitmq",
    "tests.servers.redis",
    "tests.servers.zookeeper",
]
