# SPDX-License-Identifier: Apache-2.0
"""Octavia's ``[task_flow]`` group in each major release since victoria.

The options are those of :mod:`octavia_options`; this module has what differs in older
releases. Nothing that matters here changes within a major release. Sources:
``octavia/common/config.py`` of the releases on PyPI; a test compares the table with
what each of them declares (``tests/data/octavia_options``).
"""

import re
from dataclasses import dataclass, replace

from amphv2_bootstrap.spec.octavia_options import (
    BY_NAME,
    OLDEST_RELEASE,
    TASK_FLOW_OPTIONS,
    TaskFlowOption,
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
