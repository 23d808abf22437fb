# SPDX-License-Identifier: Apache-2.0
"""``restart-octavia-services``: they run with this host's configuration."""

import shlex

from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.steps import checked_command
from amphv2_bootstrap.steps.base import CHANGED, UNCHANGED, Context, Step, StepResult

MOST_RESTARTS = 5
"""A restart that fails is not repeated for minutes: each one cuts services off."""

_RESTART_TIMEOUT = 300.0


class RestartOctaviaServices(Step):
    """Restart Octavia's services if a marker on the disk asks for it."""

    atom_name = "restart-octavia-services"
    most_attempts = MOST_RESTARTS

    def __init__(self, context: Context, systemd: Systemd | None = None) -> None:
        super().__init__(context)
        self._systemd = systemd or Systemd()

    @property
    def aim(self) -> str:
        host = self.context.host
        commands = "; ".join(map(shlex.join, host.restart_commands))
        units = ", ".join(host.services)
        how = commands or units or "Octavia's services"
        return f"restart, if the configuration has changed: {how}"

    def act(self) -> StepResult:
        return restart_where_needed(self.context, self._systemd)


def restart_where_needed(context: Context, systemd: Systemd) -> StepResult:
    """Restart by the configured commands, else the systemd units that are in use.

    The markers are removed last: after a kill, the next run restarts again.

    :raises BootstrapError: a service didn't come back; the markers stay.
    """
    host = context.host
    markers = [RestartMarker(host.state_path, file) for file in host.config_files]
    if not any(marker.is_set() for marker in markers):
        return StepResult(UNCHANGED, "nothing has changed since the last restart")
    units = _units(context, systemd)
    if host.restart_commands:
        for command in host.restart_commands:
            attempted = "restart Octavia's services"
            checked_command.run(
                context, command, attempted=attempted, timeout=_RESTART_TIMEOUT
            )
        count = len(host.restart_commands)
        result = StepResult(CHANGED, f"ran the restart commands ({count})")
    elif units:
        systemd.restart(units, context.cancelled)
        result = StepResult(CHANGED, f"restarted {', '.join(units)}")
    else:
        result = _by_hand(context)
    for marker in markers:
        marker.clear()
    return result


def _units(context: Context, systemd: Systemd) -> tuple[str, ...]:
    if context.host.restart_commands or not systemd.available():
        return ()
    return systemd.in_use(context.host.services)


def _by_hand(context: Context) -> StepResult:
    names = ", ".join(context.host.services) or "all of Octavia's services"
    return StepResult(
        UNCHANGED,
        "found no service to restart",
        warnings=(
            f"Restart by hand on {context.host.name}: {names}. systemd runs no such "
            "unit here, and no restart_commands are configured.",
        ),
    )
