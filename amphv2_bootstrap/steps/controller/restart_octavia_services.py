# SPDX-License-Identifier: Apache-2.0
"""``restart-octavia-services``: they run with this host's configuration."""

import shlex
from collections.abc import Collection, Sequence

from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd, in_restart_order
from amphv2_bootstrap.steps.base import (
    CHANGED,
    UNCHANGED,
    Context,
    Seen,
    Step,
    StepResult,
)
from amphv2_bootstrap.steps.canary import prepare
from amphv2_bootstrap.steps.controller import octavia_restart

MOST_RESTARTS = 5
"""A restart that fails is not repeated for minutes: each one cuts services off."""

_CAUSES = frozenset({"ensure-client-library", "write-octavia-configuration"})
_NOTHING = StepResult(UNCHANGED, "nothing has changed since the last restart")


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

    def look(self, ahead: Collection[str] = ()) -> Seen:
        asked = not _CAUSES.isdisjoint(ahead)
        markers = () if asked else _markers(self.context)
        if not markers and not asked:
            return Seen(_NOTHING)
        seen = _look(self.context, self._systemd, markers)
        changes = tuple(seen.changes(self.context.host.name))
        return Seen(seen.result or StepResult(CHANGED, "restarts them"), changes)

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
    markers = _markers(context)
    if not markers:
        return _NOTHING
    seen = _look(context, systemd, markers)
    result = octavia_restart.restart(context, systemd, seen)
    for marker in markers if seen.after else ():
        marker.set_restarted()
    octavia_restart.after(context, seen)
    for marker in markers:
        marker.clear()
    return result


def _markers(context: Context) -> tuple[RestartMarker, ...]:
    """Those that are set."""
    host = context.host
    files = (RestartMarker(host.state_path, file) for file in host.config_files)
    return tuple(marker for marker in files if marker.is_set())


def _look(
    context: Context, systemd: Systemd, markers: Sequence[RestartMarker]
) -> octavia_restart.Restart:
    is_restarted = bool(markers) and all(marker.is_restarted() for marker in markers)
    return octavia_restart.look(context, systemd, is_restarted=is_restarted)
