# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all tests: the real servers; and the option ``--board``."""

import signal

from hypothesis import HealthCheck, settings

# No test's verdict depends on the speed of the machine.
settings.register_profile(
    "any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any speed")

# A shell ignores SIGINT for what it runs in the background. The programs that the tests
# start would ignore it, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "pytester",
    "tests.board_option",
    "tests.servers.certificates",
    "tests.servers.etcd",
    "tests.servers.galera",
    "tests.servers.mariadb",
    "tests.servers.octavia",
    "tests.servers.rabbitmq",
    "tests.servers.redis",
    "tests.servers.zookeeper",
]
