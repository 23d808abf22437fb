# SPDX-License-Identifier: Apache-2.0
"""Whether a restart of octavia-worker leaves it the time to end what it does.

What is cut off before Octavia has a jobboard stays in PENDING_* for ever; with one,
another worker resumes it.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping

from amphv2_bootstrap.adapters.host import containers
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.octavia import config_sources
from amphv2_bootstrap.adapters.octavia.programs.options import GROUP
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.spec.model import HostSettings
from amphv2_bootstrap.spec.task_flow_group import is_true
from amphv2_bootstrap.steps.base import Context

_WORKER = "worker"
_Option = tuple[str, str, str]
_GRACEFUL, _RETRIES, _WAIT = (
    ("DEFAULT", "graceful_shutdown_timeout", "60"),
    ("controller_worker", "amp_active_retries", "30"),
    ("controller_worker", "amp_active_wait_sec", "10"),
)
"""Section, name and default; the first one is cotyledon's, and 0 is no limit."""
_JOBBOARD = "jobboard_enabled"


def shutdown_warnings(
    context: Context, systemd: Systemd | None = None
) -> tuple[str, ...]:
    """What would cut off an operation that octavia-worker has under way.

    Empty where nothing would, or where the jobboard is in use, or octavia.conf is not
    on this host.
    """
    host = context.host
    sections = ("DEFAULT", "controller_worker", GROUP)
    values = config_sources.written(config_sources.files(host), *sections)
    if not values or is_true(values[GROUP].get(_JOBBOARD)):
        return ()
    needed = _number(values, _RETRIES) * _number(values, _WAIT)
    limits = {
        "graceful_shutdown_timeout in octavia.conf": _number(values, _GRACEFUL)
        or math.inf
    }
    with contextlib.suppress(BootstrapError):  # who restarts it reports that
        limits.update(_of_services(host, systemd or Systemd()))
    short = [f"{what} is {n:g} s" for what, n in limits.items() if n < needed]
    if not short:
        return ()
    return (
        f"A restart of octavia-worker on {host.name} may cut off an operation, which "
        f"then stays in PENDING_* for ever: it may wait {needed:g} s for an amphora "
        f"(amp_active_retries times amp_active_wait_sec), but {' and '.join(short)}. "
        "Raise that, or restart while nothing is created.",
    )


def _of_services(host: HostSettings, systemd: Systemd) -> Iterator[tuple[str, float]]:
    """After how many seconds the worker's units and containers are killed."""
    if not host.restart_commands and systemd.available():
        for unit in systemd.in_use(host.services):
            if _WORKER in unit:
                yield f"TimeoutStopSec of {unit}", systemd.stop_seconds(unit)
    for command in host.restart_commands:
        for container in containers.restarted_by(command):
            if _WORKER in container.name:
                what = f"the stop timeout of the container {container.name}"
                yield what, container.stop_seconds()


def _number(values: Mapping[str, Mapping[str, str]], option: _Option) -> float:
    section, name, default = option
    try:
        return float(values[section].get(name, default))
    except ValueError:
        return float(default)
