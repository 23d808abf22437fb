# SPDX-License-Identifier: Apache-2.0
"""Flow runs for tests that need no database."""

from typing import Any

from amphv2_bootstrap.engine.records import FlowRun, FlowState

_DEFAULTS: dict[str, Any] = {
    "sequence": 1,
    "uuid": "run",
    "job_uuid": "job",
    "flow": "main",
    "shape": "",
    "stage": 0,
    "host": None,
    "state": FlowState.READY,
    "reason": None,
    "reverting": False,
    "epoch": 0,
    "owner": None,
    "book_uuid": "b",
    "flow_detail_uuid": "f",
    "created_at": 0.0,
    "started_at": None,
    "finished_at": None,
}


def flow_run(**values: Any) -> FlowRun:
    """One that has not begun, with other values where they matter."""
    return FlowRun(**{**_DEFAULTS, **values})
