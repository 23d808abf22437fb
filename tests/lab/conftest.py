# SPDX-License-Identifier: Apache-2.0
"""Prints the times of all plays as a table."""

import json

import pytest

TIMES = "lab-times"
"""The property of a test's report that has a line of a play."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each fault: seconds to the next step, to the end of the job.

    They decide nothing. Nothing was parked, or the play failed.
    """
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
    ]
    lines = [
        json.loads(line)
        for report in reports
        for name, line in report.user_properties
        if name == TIMES
    ]
    if lines:
        terminalreporter.section(
            "lab: seconds from the fault to the next step, to the end"
        )
    for found in lines:
        terminalreporter.write_line(
            f"{found['scenario']:20} {found['board']:14} {found['next_step'] or '-':>6}"
            f" {found['done'] or '-':>6}  {found['place']}: {found['what']}"
        )
