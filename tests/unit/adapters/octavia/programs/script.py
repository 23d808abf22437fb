# SPDX-License-Identifier: Apache-2.0
"""Runs a program in a process, since the programs end their process."""

import json
import sys

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.octavia import program_runner
from tests import REPOSITORY


def run_script(source: str, timeout: float = 60.0) -> list[dict[str, object]]:
    """The lines that the program prints for a request with ``timeout`` seconds."""
    done = commands.run(
        (sys.executable, "-c", source),
        timeout=60,
        stdin=program_runner.line({"timeout": timeout}),
        grace=1,
        env={"PYTHONPATH": str(REPOSITORY)},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
