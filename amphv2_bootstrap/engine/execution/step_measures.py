# SPDX-License-Identifier: Apache-2.0
"""Counts how steps end, and times them, while a taskflow engine runs them."""

import time
from collections.abc import Mapping
from typing import Any

from taskflow import states

from amphv2_bootstrap.engine.measures import MEASURES, Event

_BEGINS = (states.RUNNING, states.REVERTING)
_ENDS = {
    states.SUCCESS: "done",
    states.FAILURE: "failed",
    states.REVERTED: "undone",
    states.REVERT_FAILURE: "undo failed",
}


def watch(engine: Any) -> None:
    """Measure the steps that the engine runs; all attempts of a step are one run."""
    began: dict[str, float] = {}

    def on_change(state: str, details: Mapping[str, Any]) -> None:
        step = details["task_name"]
        if state in _BEGINS:
            began[step] = time.monotonic()
        elif state in _ENDS and step in began:
            MEASURES.count(Event.STEP_ENDED, _ENDS[state])
            MEASURES.time_step(step, time.monotonic() - began.pop(step))

    engine.atom_notifier.register(engine.atom_notifier.ANY, on_change)
