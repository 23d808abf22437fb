# SPDX-License-Identifier: Apache-2.0
"""How long the step that runs may still take."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from taskflow import states
from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.execution.registry import atoms
from amphv2_bootstrap.engine.step_limits import StepLimits

_BEGINS = (states.RUNNING, states.REVERTING)


class StepTimer:
    """Measures the attempts of a flow's steps; one thread runs, another one looks.

    ``missed`` is set once an attempt has taken too long: which step, and its limit.
    No step may begin from then on.
    """

    def __init__(self, limits: StepLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._step: str | None = None
        self._limit = 0.0
        self._began_at = 0.0
        self._asked_at = 0.0
        self.missed: str | None = None

    def watch(self, engine: Any, flow: linear_flow.Flow) -> None:
        """Measure the flow's steps while a taskflow engine runs them."""
        own_limits = {
            atom.name: getattr(atom, "time_limit", None) for atom in atoms(flow)
        }

        def on_change(state: str, details: Mapping[str, Any]) -> None:
            step = details["task_name"]
            own = own_limits.get(step)
            limit = self._limits.timeout if own is None else own
            self._change(step if state in _BEGINS else None, limit)

        engine.atom_notifier.register(engine.atom_notifier.ANY, on_change)

    def restart(self) -> None:
        """The step begins another attempt."""
        with self._lock:
            self._began_at = time.monotonic()

    def is_over(self) -> bool:
        """Whether the step must stop now."""
        with self._lock:
            over = self._step is not None and self.missed is None and self._is_late()
            if over:
                self.missed = f"{self._step}: it did not end within {self._limit:g} s"
                self._asked_at = time.monotonic()
            return over

    def is_hanging(self) -> bool:
        """Whether the step was asked to stop, and didn't within the grace."""
        with self._lock:
            patience = time.monotonic() - self._asked_at < self._limits.grace
            return bool(self.missed and self._step) and not patience

    def _change(self, step: str | None, limit: float) -> None:
        with self._lock:
            self._step, self._limit = step, limit
            self._began_at = time.monotonic()

    def _is_late(self) -> bool:
        bounded = self._limits.timeout > 0
        return bounded and time.monotonic() - self._began_at >= self._limit
