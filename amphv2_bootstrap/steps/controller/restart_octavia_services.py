# SPDX-License-Identifier: Apache-2.0
"""Octavia's services run with the configuration that is on this host."""

import shlex

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.errors import TransientError
from amphv2_bootstrap.steps.base import CHANGED, UNCHANGED, Context, Step, StepResult

_RESTART_TIMEOUT = 300.0


class RestartOctaviaServices(Step):
    """Restart what runs Octavia here, if a marker on the disk asks for it."""

    atom_name = "restart-octavia-services"

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
    """Restart by the configured commands, or the systemd units in use, or neither.

    The marker goes last: killed before, the next run restarts again.

    :raises BootstrapError: a service didn't come back; the marker stays.
    """
    host = context.host
    marker = RestartMarker(host.state_path, host.config_file)
    if not marker.is_set():
        return StepResult(UNCHANGED, "nothing has changed since the last restart")
    units = _units(context, systemd)
    if host.restart_commands:
        for command in host.restart_commands:
            _run(command, context)
        count = len(host.restart_commands)
        result = StepResult(CHANGED, f"ran the restart commands ({count})")
    elif units:
        systemd.restart(units, context.cancelled)
        result = StepResult(CHANGED, f"restarted {', '.join(units)}")
    else:
        result = _by_hand(context)
    marker.clear()
    return result


def _units(context: Context, systemd: Systemd) -> tuple[str, ...]:
    if context.host.restart_commands or not systemd.available():
        return ()
    return systemd.in_use(context.host.services)


def _run(command: tuple[str, ...], context: Context) -> None:
    done = commands.run(command, timeout=_RESTART_TIMEOUT, cancelled=context.cancelled)
    if done.returncode:
        raise TransientError(
            "restart Octavia's services",
            on=shlex.join(command),
            why=done.output[-1000:] or f"it ended with {done.returncode}",
            todo="Run the command by hand to see more.",
        )


def _by_hand(context: Context) -> StepResult:
    names = ", ".join(context.host.services) or "all of Octavia's services"
    return StepResult(
        UNCHANGED,
        "found no service to restart",
        warnings=(
            f"Restart by hand on {context.host.name}: {names}. They are no systemd "
            "units in use here, and no restart_commands are configured.",
        ),
    )
