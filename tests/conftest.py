# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all tests: the real servers; and the option ``--board``."""

pytest_plugins = [
    "pytester",
    "tests.board_option",
    "tests.servers.certificates",
    "tests.servers.etcd",
    "tests.servers.mariadb",
    "tests.servers.octavia",
    "tests.servers.rabbitmq",
    "tests.servers.redis",
    "tests.servers.zookeeper",
]
