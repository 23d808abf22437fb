# SPDX-License-Identifier: Apache-2.0
"""Runs a program in a process, since the programs end their process."""

import json
import subprocess
import sys

from tests import REPOSITORY


def run_script(source: str, timeout: float = 60.0) -> list[dict[str, object]]:
    """The lines that the program prints for a request with ``timeout`` seconds."""
    done = subprocess.run(
        [sys.executable, "-c", source],
        input=json.dumps({"timeout": timeout}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=REPOSITORY,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
