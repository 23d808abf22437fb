# SPDX-License-Identifier: Apache-2.0
"""Which flow run a log line is about: all that its worker's thread logs."""

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar

from amphv2_bootstrap.engine.records import FlowRun

_FLOW_RUN: ContextVar[FlowRun | None] = ContextVar("flow_run", default=None)
_NAMED = "amphv2_names_its_flow_run"


@contextlib.contextmanager
def about(flow_run: FlowRun) -> Iterator[None]:
    """What this thread logs within the block is about the flow run.

    Threads that it starts name nothing: a thread begins with an empty context.
    """
    token = _FLOW_RUN.set(flow_run)
    try:
        yield
    finally:
        _FLOW_RUN.reset(token)


class FlowRunFilter(logging.Filter):
    """Begins each message with job, flow and host, unless it begins so itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        flow_run = _FLOW_RUN.get()
        # Another handler's filters may have changed, and masked, the message before.
        if flow_run is not None and not hasattr(record, _NAMED):
            setattr(record, _NAMED, True)
            text = record.getMessage()
            if not text.startswith(str(flow_run)):
                record.msg, record.args = f"{flow_run}: {text}", ()
        return True
