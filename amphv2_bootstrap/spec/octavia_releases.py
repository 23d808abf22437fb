# SPDX-License-Identifier: Apache-2.0
"""Octavia's ``[task_flow]`` group in each major release since victoria.

The options are those of :mod:`octavia_options`; this module has what differs in older
releases. No option changes within a major release. Sources:
``octavia/common/config.py`` of the releases on PyPI; a test compares the table with
what each of them declares (``tests/data/octavia_options``).

:data:`RELEASE_TRAPS` has what goes wrong with some versions of Octavia and of the
libraries in its Python.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from amphv2_bootstrap.spec.octavia_options import (
    BY_NAME,
    OLDEST_RELEASE,
    REDIS,
    TASK_FLOW_OPTIONS,
    ZOOKEEPER,
    TaskFlowOption,
)
from amphv2_bootstrap.spec.task_flow_group import (
    Group,
    Severity,
    Trap,
    Traps,
    is_true,
    uses_tls,
)

NEWEST_RELEASE = 19
"""The newest major release in the table."""

_FINAL = re.compile(r"(\d+)(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class Earlier:
    """How the releases before ``before`` declare an option."""

    before: int
    option: TaskFlowOption


EARLIER: tuple[Earlier, ...] = (
    Earlier(14, replace(BY_NAME["jobboard_backend_password"], default="")),
    Earlier(
        16,
        replace(
            BY_NAME["jobboard_backend_driver"],
            choices=("redis_taskflow_driver", "zookeeper_taskflow_driver"),
        ),
    ),
)
"""At most one entry per option: none has changed twice."""


def options_of(release: int) -> tuple[TaskFlowOption, ...]:
    """The options of one major release of Octavia, in its own order.

    :param release: such as 14; see :func:`release_of`.
    :raises ValueError: the release isn't in the table.
    """
    if not OLDEST_RELEASE <= release <= NEWEST_RELEASE:
        raise ValueError(
            f"Octavia {release} isn't one of {OLDEST_RELEASE} to {NEWEST_RELEASE}"
        )
    earlier = {
        entry.option.name: entry.option for entry in EARLIER if release < entry.before
    }
    return tuple(
        earlier.get(option.name, option)
        for option in TASK_FLOW_OPTIONS
        if option.since <= release
    )


def release_of(version: str) -> int | None:
    """The major release of a version of Octavia, if :func:`options_of` has it.

    None means that only the installed Octavia knows its options: the release isn't in
    the table, or the version isn't a final release's. A development version may have
    options of the next release (``15.1.0.dev20`` those of 16), and a suffix such as
    ``+vendor1`` means a changed source.
    """
    found = _FINAL.fullmatch(version)
    if found is None or not OLDEST_RELEASE <= int(found[1]) <= NEWEST_RELEASE:
        return None
    return int(found[1])


def is_too_old(version: str) -> bool:
    """Whether a version of Octavia is older than all that are supported."""
    found = re.match(r"\d+", version)
    return found is not None and int(found[0]) < OLDEST_RELEASE


@dataclass(frozen=True, slots=True)
class ReleaseTrap:
    """What goes wrong with the versions ``since`` to before ``before`` of a package.

    ``meets`` says whether it concerns a group. ``what`` follows the option's name.
    """

    name: str
    package: str
    since: str
    before: str
    option: str
    meets: Callable[[Group], bool]
    what: str
    todo: str
    source: str
    severity: Severity = "refused"

    def has(self, version: str) -> bool:
        """Whether it is that of a version."""
        return _numbers(self.since) <= _numbers(version) < _numbers(self.before)


_HOSTS = "jobboard_backend_hosts"
_REDIS_TLS = "jobboard_redis_backend_ssl_options"
_ZOOKEEPER_TLS = "jobboard_zookeeper_ssl_options"
_EXPIRATION = "jobboard_expiration_time"
LONGEST_STEP = 600
"""Seconds that Octavia waits for an amphora's agent in one step: its defaults of
connection_max_retries and connection_retry_interval."""


def _false_text(group: Group) -> bool:
    options = group.values.get(_ZOOKEEPER_TLS) or {}
    switches = (options.get(key) for key in ("use_ssl", "verify_certs"))
    return group.driver == ZOOKEEPER and any(
        isinstance(one, str) and not is_true(one) for one in switches
    )


def _surplus_keys(group: Group) -> bool:
    options = group.values.get(_REDIS_TLS) or {}
    return group.sentinel and not uses_tls(options) and bool(options.keys() - {"ssl"})


RELEASE_TRAPS: tuple[ReleaseTrap, ...] = (
    ReleaseTrap(
        "one-sentinel",
        "octavia",
        "7",
        "14",
        _HOSTS,
        lambda group: group.sentinel and len(group.hosts) > 1,
        "names several Sentinels, but Octavia before 14 asks only the first: when that "
        "one fails, the jobboard is away",
        "Name an address that moves between the Sentinels, or upgrade Octavia to 14 "
        "(2024.1 Caracal)",
        "Octavia's release note jobboard-redis-driver-updates-caracal",
        "warning",
    ),
    ReleaseTrap(
        "sentinel-without-tls",
        "taskflow",
        "4.4",
        "5.5",
        _REDIS_TLS,
        lambda group: group.sentinel and uses_tls(group.values.get(_REDIS_TLS)),
        "turns TLS on, but with Sentinel taskflow before 5.5 connects to Redis without "
        "it",
        "Upgrade Octavia and its taskflow, or use Redis without Sentinel, by one "
        "address that moves with the master",
        "taskflow's release note sentinel-ssl",
    ),
    ReleaseTrap(
        "sentinel-tls-keys",
        "taskflow",
        "5.5",
        "6.0",
        _REDIS_TLS,
        _surplus_keys,
        "has more than ssl:False, as Octavia's default has, too: with Sentinel and "
        "without TLS, taskflow 5.5 to 5.12 then ends with a TypeError (LP 2102707)",
        "Set it to ssl:False alone",
        "taskflow's commit e3be5c3b, LP 2102707",
    ),
    ReleaseTrap(
        "false-is-true",
        "taskflow",
        "4.1",
        "5.2",
        _ZOOKEEPER_TLS,
        _false_text,
        "has use_ssl:False or verify_certs:False, which taskflow before 5.2 takes for "
        "true",
        "Leave the option out for no TLS, and verify_certs out with TLS",
        "taskflow's release note fix-zookeeper-option-parsing, LP 1999174",
    ),
    ReleaseTrap(
        "renewed-between-steps",
        "octavia",
        "7",
        "9.1",
        _EXPIRATION,
        lambda group: (
            group.driver == REDIS
            and int(group.values.get(_EXPIRATION) or 0) < LONGEST_STEP
        ),
        f"is less than {LONGEST_STEP} s, and Octavia before 9.1 renews a claim only "
        "when a step begins or ends: during a longer one, such as the wait for an "
        "amphora, a second worker begins the same flow",
        f"Set it to {LONGEST_STEP} (a dead worker's flow is resumed only after that), "
        "or upgrade Octavia to 10.1 or later",
        "Octavia's commit f13c3ca6b, Add keepalive for redis-based taskflow boards",
        "warning",
    ),
    ReleaseTrap(
        "renewed-by-the-poster",
        "octavia",
        "9.1",
        "10.1",
        "jobboard_backend_driver",
        lambda group: group.driver == REDIS,
        "is Redis, and with Octavia 9.1 and 10.0 the worker that posted a job renews "
        "the claim of a dead one: no other worker resumes the flow",
        "Upgrade Octavia to 10.1 or later, or use ZooKeeper; until then, when a worker "
        "has died, restart octavia-worker on all controllers",
        "Octavia's commit dd29742d0, Prevent incorrect reschedule of resumed tasks",
        "warning",
    ),
    ReleaseTrap(
        "kazoo-without-tls",
        "kazoo",
        "2.11.0",
        "2.11.0.1",
        _ZOOKEEPER_TLS,
        lambda group: (
            group.driver == ZOOKEEPER and uses_tls(group.values.get(_ZOOKEEPER_TLS))
        ),
        "turns TLS on, but kazoo 2.11.0 can't ask a server's version over TLS",
        "Install kazoo!=2.11.0 in Octavia's Python",
        "kazoo's issue 770",
        "warning",
    ),
)
"""Each is shown by a test with a real Octavia of that release; the page Releases of the
documents lists them."""


def release_traps(group: Group) -> Traps:
    """Those that the versions in Octavia's Python have for the values of a group."""
    for one in RELEASE_TRAPS:
        version = group.versions.get(one.package)
        if version and one.has(version) and one.meets(group):
            yield Trap(one.option, one.what, one.todo, one.severity)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:4]))
