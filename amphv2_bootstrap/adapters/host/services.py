# SPDX-License-Identifier: Apache-2.0
"""Services of this host, which are systemd units."""

import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.adapters.host import commands
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
    finish; ``start_timeout`` (seconds) bounds the start after it.
    """

    program: str = "systemctl"
    runtime: str = "/run/systemd/system"
    restart_timeout: float = 300.0
    start_timeout: float = 30.0

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
        """Restart the units and wait until each is active; safe to run twice.

        :raises TransientError: systemd refused, or it took too long.
        :raises PermanentError: a unit failed.
        """
        done = commands.run(
            (self.program, "restart", "--", *units),
            timeout=self.restart_timeout,
            cancelled=cancelled,
        )
        if done.returncode:
            raise TransientError(
                "restart Octavia's services",
                on=", ".join(units),
                why=done.output or f"systemctl ended with {done.returncode}",
                todo=_look_at(units),
            )
        for unit in units:
            self._wait_active(unit, cancelled or threading.Event())

    def is_active(self, unit: str) -> bool:
        """Whether the unit runs."""
        return self._active_state(unit) == "active"

    def started_at(self, unit: str) -> float | None:
        """When the unit's main process was started, in epoch seconds.

        None where it doesn't run.

        :raises TransientError: systemd doesn't answer.
        """
        name = "ExecMainStartTimestampMonotonic"
        state = self._properties(_full_name(unit), "ActiveState", name)
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
        return {self._properties(unit, "User").get("User", "") for unit in units}

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
        state = self._properties(unit, "LoadState", "ActiveState", "UnitFileState")
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
                    todo=_look_at((unit,)),
                )
            if time.monotonic() > deadline:
                raise TransientError(
                    "restart Octavia's services",
                    on=unit,
                    why=f"it is still {state} after {self.start_timeout:g} s",
                    todo=_look_at((unit,)),
                )
            if cancelled.wait(_POLL_SECONDS):
                raise CancelledError(f"wait for {unit}", why="asked to stop")

    def _active_state(self, unit: str) -> str:
        done = commands.run(
            (self.program, "is-active", "--", unit), timeout=_QUERY_TIMEOUT
        )
        return done.stdout.strip() or "unknown"

    def _properties(self, unit: str, *names: str) -> dict[str, str]:
        done = commands.run(
            (self.program, "show", f"--property={','.join(names)}", "--", unit),
            timeout=_QUERY_TIMEOUT,
        )
        if done.returncode:
            raise TransientError(
                "ask systemd for the state of a unit", on=unit, why=done.output
            )
        pairs = (line.partition("=") for line in done.stdout.splitlines())
        return {name: value for name, _, value in pairs}


def _full_name(unit: str) -> str:
    return unit if "." in unit else f"{unit}.service"


def _look_at(units: Sequence[str]) -> str:
    options = " ".join(f"-u {unit}" for unit in units)
    return f"Look at 'journalctl {options}'."
