# SPDX-License-Identifier: Apache-2.0
"""Which flow a log line is about: that of the worker's thread."""

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar

from amphv2_bootstrap.engine.records import FlowRun

_FLOW_RUN: ContextVar[FlowRun | None] = ContextVar("flow_run", default=None)
_NAMED = "amphv2_names_its_flow_run"


@contextlib.contextmanager
def about(run: FlowRun) -> Iterator[None]:
    """Within the block, all that this thread logs is about the flow run.

    Threads that it starts are not included: a thread begins with an empty context.
    """
    token = _FLOW_RUN.set(run)
    try:
        yield
    finally:
        _FLOW_RUN.reset(token)


class FlowRunFilter(logging.Filter):
    """Puts job, flow and host before each message that doesn't begin with them."""

    def filter(self, record: logging.LogRecord) -> bool:
        run = _FLOW_RUN.get()
        # Another handler's filters may already have changed, and masked, the message.
        if run is not None and not hasattr(record, _NAMED):
            setattr(record, _NAMED, True)
            text = record.getMessage()
            if not text.startswith(str(run)):
                record.msg, record.args = f"{run}: {text}", ()
        return True
