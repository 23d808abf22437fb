# SPDX-License-Identifier: Apache-2.0
"""``restart-octavia-services``: they run with this host's configuration."""

import shlex
from collections.abc import Sequence

from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd, in_restart_order
from amphv2_bootstrap.steps.base import UNCHANGED, Context, Step, StepResult
from amphv2_bootstrap.steps.canary import prepare
from amphv2_bootstrap.steps.controller import octavia_restart

MOST_RESTARTS = 5
"""A restart that fails is not repeated for minutes: each one cuts services off."""


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
        units = ", ".join(in_restart_order(host.services))
        how = _shown(host.restart_commands) or units or "Octavia's services"
        text = f"restart, if the configuration has changed: {how}"
        around = {"before it": host.before_restart, "after it": host.after_restart}
        shown = [f"{when}: {_shown(c)}" for when, c in around.items() if c]
        return "; ".join((text, *shown))

    @property
    def time_limit(self) -> float:
        return octavia_restart.time_limit(self.context.host, self._systemd)

    def act(self) -> StepResult:
        prepare(self.context)  # the next step's canary
        return restart_where_needed(self.context, self._systemd)


def _shown(commands: Sequence[tuple[str, ...]]) -> str:
    return "; ".join(map(shlex.join, commands))


def restart_where_needed(context: Context, systemd: Systemd) -> StepResult:
    """Restart by the configured commands, else the systemd units that are in use.

    The markers are removed last: after a kill, the next run restarts again. If
    only after_restart has failed, it alone is run again.

    :raises BootstrapError: a service didn't come back; the markers stay.
    """
    host = context.host
    files = [RestartMarker(host.state_path, file) for file in host.config_files]
    markers = [marker for marker in files if marker.is_set()]
    if not markers:
        return StepResult(UNCHANGED, "nothing has changed since the last restart")
    if all(marker.is_restarted() for marker in markers):
        result = StepResult(UNCHANGED, "restarted by an interrupted run")
    else:
        result = octavia_restart.restart(context, systemd)
        for marker in markers if host.after_restart else ():
            marker.set_restarted()
    octavia_restart.after(context)
    for marker in markers:
        marker.clear()
    return result
