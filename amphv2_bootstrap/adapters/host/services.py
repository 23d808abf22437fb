# SPDX-License-Identifier: Apache-2.0
"""Services of this host, which are systemd units."""

import math
import re
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.host.processes import Look, forks, why_unsteady
from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError

_POLL_SECONDS = 0.2
_QUERY_TIMEOUT = 30.0
_ON_ITS_WAY = ("activating", "reloading", "deactivating", "refreshing")
_RUNNING = ("active", "reloading", "refreshing")
_IN_USE = ("active", "failed", *_ON_ITS_WAY)


@dataclass(frozen=True, slots=True)
class Systemd:
    """The host's systemd. Only tests change ``program`` and ``runtime``.

    ``restart_timeout`` (seconds) bounds a restart, which waits for the old process to
    finish; ``start_timeout`` (seconds) bounds the start after it. The unit must then
    stay up for ``steady`` seconds.
    """

    program: str = "systemctl"
    runtime: str = "/run/systemd/system"
    restart_timeout: float = 300.0
    start_timeout: float = 30.0
    steady: float = 5.0

    def available(self) -> bool:
        """Whether this host is run by systemd."""
        return Path(self.runtime).is_dir() and shutil.which(self.program) is not None

    def in_use(self, units: Sequence[str]) -> tuple[str, ...]:
        """The units that exist here and are running, failed or enabled.

        A unit that the operator disabled and stopped isn't in use: a restart would
        start it.
        """
        return tuple(unit for unit in map(_full_name, units) if self._in_use(unit))

    def restart(
        self, units: Sequence[str], cancelled: threading.Event | None = None
    ) -> None:
        """Restart the units, one after the other, each when the former one stays up.

        Safe to run twice.

        :raises TransientError: systemd refused, or it took too long.
        :raises PermanentError: a unit failed, or doesn't stay up.
        """
        for unit in units:
            self._restart(unit, cancelled or threading.Event())

    def _restart(self, unit: str, cancelled: threading.Event) -> None:
        done = commands.run(
            (self.program, "restart", "--", unit),
            timeout=self.restart_timeout,
            cancelled=cancelled,
        )
        if done.returncode:
            raise TransientError(
                "restart Octavia's services",
                on=unit,
                why=done.output or f"systemctl ended with {done.returncode}",
                todo=_look_at(unit),
            )
        self._wait_active(unit, cancelled)
        why = why_unsteady(lambda: self._look(unit), self.steady, cancelled)
        if why:
            raise PermanentError(
                "restart Octavia's services",
                on=unit,
                why=f"it does not stay up: {why}",
                todo=_look_at(unit),
            )

    def _look(self, unit: str) -> Look:
        pid, starts = "MainPID", ("NRestarts", "ExecMainStartTimestampMonotonic")
        found = self.properties(unit, "ActiveState", pid, *starts)
        state = found.get("ActiveState", "unknown")
        if state not in _RUNNING:
            return Look((), trouble=f"it is {state}")
        main = found.get(pid, "0")
        start = (main, *(found.get(name) for name in starts))
        return Look(start, forks(int(main)) if main.isdecimal() else frozenset())

    def stop_seconds(self, unit: str) -> float:
        """How long systemd waits for the end of the unit's processes; maybe infinite.

        :raises TransientError: systemd doesn't answer.
        """
        name = "TimeoutStopUSec"
        return seconds_of(self.properties(_full_name(unit), name).get(name, ""))

    def is_active(self, unit: str) -> bool:
        """Whether the unit runs."""
        return self._active_state(unit) == "active"

    def started_at(self, unit: str) -> float | None:
        """When the unit's main process was started, in epoch seconds.

        None where it doesn't run.

        :raises TransientError: systemd doesn't answer.
        """
        name = "ExecMainStartTimestampMonotonic"
        state = self.properties(_full_name(unit), "ActiveState", name)
        microseconds = state.get(name, "0")
        if state.get("ActiveState") not in _RUNNING or not microseconds.isdecimal():
            return None
        # The unit's wall-clock timestamp depends on systemd's locale and time zone.
        since_boot = int(microseconds) / 1e6
        boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
        return boot + since_boot if since_boot else None

    def users_of(self, units: Sequence[str]) -> set[str]:
        """The users that run the units; empty strings for root.

        :raises TransientError: systemd doesn't answer.
        """
        return {self.properties(unit, "User").get("User", "") for unit in units}

    def enable(self, unit: str) -> None:
        """Make systemd start the unit at boot; safe to run twice.

        :raises PermanentError: systemd refused.
        """
        argv = (self.program, "enable", "--", unit)
        done = commands.run(argv, timeout=_QUERY_TIMEOUT)
        if done.returncode:
            raise PermanentError(
                "enable the service at boot",
                on=unit,
                why=done.output or f"systemctl ended with {done.returncode}",
                todo=f"Run '{self.program} enable {unit}' by hand.",
            )

    def _in_use(self, unit: str) -> bool:
        state = self.properties(unit, "LoadState", "ActiveState", "UnitFileState")
        if state.get("LoadState") != "loaded":
            return False
        enabled = state.get("UnitFileState", "").startswith("enabled")
        return enabled or state.get("ActiveState") in _IN_USE

    def _wait_active(self, unit: str, cancelled: threading.Event) -> None:
        deadline = time.monotonic() + self.start_timeout
        while (state := self._active_state(unit)) != "active":
            if state not in _ON_ITS_WAY:
                raise PermanentError(
                    "restart Octavia's services",
                    on=unit,
                    why=f"it is {state} after the restart",
                    todo=_look_at(unit),
                )
            if time.monotonic() > deadline:
                raise TransientError(
                    "restart Octavia's services",
                    on=unit,
                    why=f"it is still {state} after {self.start_timeout:g} s",
                    todo=_look_at(unit),
                )
            if cancelled.wait(_POLL_SECONDS):
                raise CancelledError(f"wait for {unit}", why="asked to stop")

    def _active_state(self, unit: str) -> str:
        done = commands.run(
            (self.program, "is-active", "--", unit), timeout=_QUERY_TIMEOUT
        )
        return done.stdout.strip() or "unknown"

    def properties(self, unit: str, *names: str) -> dict[str, str]:
        """The unit's properties with these names.

        :raises TransientError: systemd doesn't answer.
        """
        done = commands.run(
            (self.program, "show", f"--property={','.join(names)}", "--", unit),
            timeout=_QUERY_TIMEOUT,
        )
        if done.returncode:
            raise TransientError(
                "ask systemd for the state of a unit",
                on=unit,
                why=done.output,
                todo=f"Run '{self.program} status {unit}' by hand.",
            )
        pairs = (line.partition("=") for line in done.stdout.splitlines())
        return {name: value for name, _, value in pairs}


_ROLES = (
    ("housekeeping", "o-hk"),
    ("health-manager", "health_manager", "o-hm"),
    ("worker", "o-cw"),
)


def in_restart_order(units: Sequence[str]) -> tuple[str, ...]:
    """What serves the API and all else first, then :data:`_ROLES`, the worker last.

    What the API accepts meanwhile waits for a worker in the message queue.
    """

    def role(unit: str) -> int:
        found = [any(name in unit for name in names) for names in _ROLES]
        return found.index(True) + 1 if any(found) else 0

    return tuple(sorted(units, key=role))


def _full_name(unit: str) -> str:
    return unit if "." in unit else f"{unit}.service"


def _look_at(unit: str) -> str:
    return f"Look at 'journalctl -u {unit}'."


_SPAN = re.compile(r"([0-9.]+)(y|month|w|d|h|min|s|ms|us)")
_SECONDS = {
    "y": 31557600.0,
    "month": 2629800.0,
    "w": 604800.0,
    "d": 86400.0,
    "h": 3600.0,
    "min": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
}


def seconds_of(span: str) -> float:
    """A time span as systemd prints it; infinite also where it isn't one."""
    parts = _SPAN.findall(span)
    return sum(float(n) * _SECONDS[unit] for n, unit in parts) if parts else math.inf
