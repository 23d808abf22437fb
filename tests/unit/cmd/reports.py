# SPDX-License-Identifier: Apache-2.0
"""Small reports of jobs, in the form that commands get."""

from typing import Any

ID = "0b6b3c1c-7a55-4a37-9b0e-6f6c2b1c9b52"


def task(name: str, state: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    """A step that ran once on ctl1."""
    return {
        "name": name,
        "state": state,
        "host": "ctl1",
        "seconds": 1.0,
        "runs": 1,
        "summary": None,
        "reason": None,
        "warnings": [],
        "retrying_since": None,
        "retrying_why": None,
        **changes,
    }


def flow(
    state: str,
    *tasks: dict[str, Any],
    reason: str | None = None,
    host: str | None = None,
) -> dict[str, Any]:
    """The flow ``controller`` if a host is given, otherwise ``cloud``."""
    name = "controller" if host else "cloud"
    return {
        "id": f"{name}/{host}",
        "name": name,
        "host": host,
        "state": state,
        "reason": reason,
        "tasks": list(tasks),
    }


def report(state: str, *flows: dict[str, Any]) -> dict[str, Any]:
    """The report of a job with these flows."""
    return {"id": ID, "state": state, "flows": list(flows)}
