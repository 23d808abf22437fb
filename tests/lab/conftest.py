# SPDX-License-Identifier: Apache-2.0
"""Collects the times of all plays, and prints them as a table."""

import json

import pytest

TIMES = pytest.StashKey[list[str]]()


@pytest.fixture
def times(pytestconfig: pytest.Config) -> list[str]:
    """The lines that plays print; they decide nothing."""
    return pytestconfig.stash.setdefault(TIMES, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print a line for each play: seconds from the fault to the next step."""
    lines = config.stash.get(TIMES, [])
    if not lines:
        return
    terminalreporter.section("lab: seconds from the fault to the next step, to the end")
    for line in lines:
        found = json.loads(line)
        terminalreporter.write_line(
            f"{found['scenario']:20} {found['board']:10} {found['next_step'] or '-':>6}"
            f" {found['done'] or '-':>6}  {found['place']}: {found['what']}"
        )
