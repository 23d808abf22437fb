# SPDX-License-Identifier: Apache-2.0
"""Whether a restart of octavia-worker leaves it the time to end what it does.

What is cut off before Octavia has a jobboard stays in PENDING_* for ever; with one,
another worker resumes it.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping

from amphv2_bootstrap.adapters.host import containers, durable_file
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.octavia import conf_file, config_sources
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.spec.model import HostSettings
from amphv2_bootstrap.steps.base import Context

_WORKER = "worker"
_GRACEFUL, _RETRIES, _WAIT, _JOBBOARD = (
    ("DEFAULT", "graceful_shutdown_timeout", "60"),
    ("controller_worker", "amp_active_retries", "30"),
    ("controller_worker", "amp_active_wait_sec", "10"),
    ("task_flow", "jobboard_enabled", "false"),
)
"""Section, name and default; the first one is cotyledon's, and 0 is no limit."""
_TRUE = ("true", "1", "on", "yes")


def shutdown_warnings(
    context: Context, systemd: Systemd | None = None
) -> tuple[str, ...]:
    """What would cut off an operation that octavia-worker has under way.

    Empty where nothing would, or where the jobboard is in use, or octavia.conf is not
    on this host.
    """
    host = context.host
    values = _values(host)
    if not values or values[_JOBBOARD].lower() in _TRUE:
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


_Option = tuple[str, str, str]


def _values(host: HostSettings) -> Mapping[_Option, str]:
    values: dict[_Option, str] = {}
    for file in config_sources.files(host):
        # The code that loads the file reports what is wrong with it.
        with contextlib.suppress(BootstrapError, ValueError):
            text = durable_file.read(str(file))
            for option in (_GRACEFUL, _RETRIES, _WAIT, _JOBBOARD):
                section, name, default = option
                former = values.get(option, default)
                values[option] = conf_file.get_options(text, section).get(name, former)
    return values


def _number(values: Mapping[_Option, str], option: _Option) -> float:
    try:
        return float(values[option])
    except ValueError:
        return float(option[2])
