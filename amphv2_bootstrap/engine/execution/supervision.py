# SPDX-License-Identifier: Apache-2.0
"""Runs a flow in a thread, which is left behind if a step hangs."""

import contextvars
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

from amphv2_bootstrap.engine.errors import RefusedError
from amphv2_bootstrap.engine.execution.outcome import End, Outcome
from amphv2_bootstrap.engine.execution.step_timer import StepTimer
from amphv2_bootstrap.engine.lease import Lease
from amphv2_bootstrap.engine.records import FlowRun
from amphv2_bootstrap.engine.step_limits import StepLimits

LOG = logging.getLogger(__name__)

_LOOK_SECONDS = 0.25
_LEFT_BEHIND = (
    "it was asked to stop, but goes on, and was left behind. Find out what it waits "
    "for, restart the conductor that ran it, then resume the job"
)

Run = Callable[[StepTimer], End]
"""Carries a flow out, measuring its steps."""


class Supervisor:
    """Carries out the flows of one conductor, and knows what it left behind."""

    def __init__(self, limits: StepLimits) -> None:
        self._limits = limits
        self._left_behind: dict[str, threading.Thread] = {}

    def check(self, flow_run: FlowRun) -> None:
        """:raises RefusedError: a step of the flow was left behind, and still runs."""
        thread = self._left_behind.get(flow_run.uuid)
        if thread is not None and thread.is_alive():
            raise RefusedError(
                "carry out the flow",
                on=str(flow_run),
                why="one of its steps hangs in this process, which left it behind",
                todo="Restart amphv2-conductor on this host.",
            )

    def run(self, flow_run: FlowRun, lease: Lease, call: Run) -> End:
        """The end of ``call``; a step that takes too long is asked to stop.

        One that goes on all the same is left behind: its thread loses the claim, so
        it can't write any more. Raises what ``call`` raises.
        """
        timer, end = StepTimer(self._limits), Future[End]()
        thread = _started(lambda: call(timer), end, f"flow_{flow_run.uuid[:8]}")
        while not wait([end], _LOOK_SECONDS).done:
            if timer.is_over():
                lease.cancelled.set()
                LOG.warning("%s: asked to stop", timer.missed)
            elif timer.is_hanging():
                self._left_behind[flow_run.uuid] = thread
                lease.lose("its step was left behind")
                reason = f"{timer.missed}; {_LEFT_BEHIND}"
                return End(Outcome.FAILED, reason, left_behind=True)
        return end.result()


def _started(
    call: Callable[[], End], end: "Future[End]", name: str
) -> threading.Thread:
    def work() -> None:
        try:
            end.set_result(call())
        except BaseException as exc:  # noqa: BLE001 - raised where the end is awaited
            end.set_exception(exc)

    # The copy says which flow a line of the log is about. A daemon: a step that doesn't
    # stop must not keep the process from ending.
    target = contextvars.copy_context().run
    thread = threading.Thread(target=target, args=(work,), name=name, daemon=True)
    thread.start()
    return thread
