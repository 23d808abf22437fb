# SPDX-License-Identifier: Apache-2.0
"""Reports of bootstraps, as the commands get them, in the smallest form."""

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
        **changes,
    }


def flow(
    state: str,
    *tasks: dict[str, Any],
    reason: str | None = None,
    host: str | None = None,
) -> dict[str, Any]:
    """``bootstrap``, or ``controller`` where a host is given."""
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
    """The whole."""
    return {"id": ID, "state": state, "flows": list(flows)}
