# SPDX-License-Identifier: Apache-2.0
"""Lists the jobs on Octavia's own jobboard; claims and changes none."""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import importlib
from typing import Any

from . import loading
from .options import received
from .reporting import Report, run

_MOST = 50


def _waiting(report: Report, request: dict[str, Any]) -> list[str]:
    with report.at("configuration"):
        conf = loading.configuration(received(request), report)
    backends: Any = importlib.import_module("taskflow.persistence.backends")
    with contextlib.ExitStack() as stack:
        with report.at("jobboard-driver"):
            driver = loading.jobboard_driver(conf, loading.persistence_driver())
            if hasattr(driver, "shutdown"):
                stack.callback(driver.shutdown)
        with report.at("jobboard-connect"):
            # To list jobs, a board needs no database.
            persistence = backends.fetch({"connection": "memory"})
            board = stack.enter_context(driver.job_board(persistence))
            jobs = board.iterjobs(ensure_fresh=True)
            return sorted(f"{job.name} ({job.uuid})" for job in jobs)[:_MOST]


def program(report: Report, request: dict[str, Any]) -> None:
    """Report the names of the jobs."""
    report.say(facts={"jobs": _waiting(report, request)})


def main() -> None:
    run(program)
