# SPDX-License-Identifier: Apache-2.0
"""What the steps really did, in a file that the engine does not write."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

BEGIN = "begin"
END = "end"
BEGIN_UNDO = "begin-undo"
END_UNDO = "end-undo"


@dataclass(frozen=True, slots=True)
class Effect:
    """One line: a side effect of a step began or ended.

    ``at`` is CLOCK_MONOTONIC in seconds, which all processes share and nobody can
    set. ``epoch`` is the epoch of the flow under the claim.
    """

    verb: str
    flow_run: str
    step: str
    epoch: int
    owner: str
    at: float


class Ledger:
    """An append-only file; a complete line is on disk when ``write`` returns."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(path, flags, 0o600)

    def write(
        self, verb: str, flow_run: str, step: str, epoch: int, owner: str
    ) -> None:
        at = time.monotonic_ns()
        line = f"{verb} {flow_run} {step} {epoch} {owner} {at}\n"
        os.write(self._file, line.encode())
        os.fsync(self._file)


def read(path: Path) -> list[Effect]:
    """All effects, in the order of writing."""
    if not path.exists():
        return []
    return [_effect(line) for line in path.read_text().splitlines()]


def _effect(line: str) -> Effect:
    verb, flow_run, step, epoch, owner, at = line.split(" ")
    return Effect(verb, flow_run, step, int(epoch), owner, int(at) / 1e9)
