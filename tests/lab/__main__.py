# SPDX-License-Identifier: Apache-2.0
"""Plays scenarios in namespaces of its own; ``tools/lab.sh`` and the tests start it."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.lab import scenarios
from tests.lab.lab import Lab
from tests.lab.play import Play


def main() -> int:
    """Play one scenario on one board; 0 if all that must hold did."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab")
    parser.add_argument("scenario", choices=sorted(scenarios.ALL))
    parser.add_argument("board")
    parser.add_argument("seed")
    arguments = parser.parse_args()
    # The first process of a pid namespace gets no signal that it doesn't handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(1))
    return play(arguments.scenario, arguments.board, arguments.seed)


def play(name: str, board: str, seed: str) -> int:
    folder = Path(tempfile.mkdtemp(prefix="amphv2-lab-"))
    lab = Lab(folder, board)
    played = Play(lab, random.Random(f"{seed} {name} {board}"))
    try:
        began = time.monotonic()
        lab.up()
        print(f"up after {time.monotonic() - began:.0f} s", flush=True)
        scenarios.ALL[name](played)
        lab.wait_until_whole()
        played.check()
    except (AssertionError, pytest.fail.Exception) as exc:
        print(played.explain())
        print(exc)
        return 1
    finally:
        lab.down()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{name} {board} {played.faults} {played.next_step} {played.done}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
