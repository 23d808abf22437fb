# SPDX-License-Identifier: Apache-2.0
"""What a conductor process is told: where it works, and what befalls it."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KILL = "kill"
"""SIGKILL of its own process."""
STOP = "stop"
"""SIGSTOP of its own process; whoever started it sends SIGCONT."""
LOSE = "lose"
"""At ``*.uncommitted`` only: commit, then lose the answer (error 2013)."""
TERM = "term"
"""SIGTERM of its own process, which has heard of it when the boundary is left."""
WAIT = "wait"
"""``wait PATH``: go on when that file is gone."""
REFUSE = "refuse"
"""``refuse CODE``: at ``*.uncommitted``, roll back with this MySQL error."""


@dataclass(frozen=True, slots=True)
class ToyStep:
    """A toy step. While the file ``gate`` exists, it waits in mid-step.

    ``stubborn``: it doesn't hear that it shall stop. ``undo_gate``: the same as
    ``gate``, in the middle of its undoing. ``renewed``: it waits in mid-step
    until its claim was renewed once. ``lasts``: seconds of work in mid-step.
    """

    name: str
    fails: bool = False
    gate: str = ""
    undo_gate: str = ""
    stubborn: bool = False
    renewed: bool = False
    lasts: float = 0.0


@dataclass(frozen=True, slots=True)
class Script:
    """All of one conductor process. Paths and values are JSON-ready.

    ``board`` has the keywords of ``BoardSettings``, the password in clear and,
    for ``sql``, a URL as ``database``. ``faults`` maps a boundary to what
    happens there. ``trace`` is a file that gets a line for each boundary. While
    the file ``hold`` exists, every entry on the board looks claimed. While
    ``refuse`` exists, the database refuses with the MySQL error that it holds:
    ``1290`` writes, other numbers everything. While ``full`` exists, SQLite may not
    let its file grow. ``clock_offset`` seconds are added to the wall clock.
    """

    host: str
    database: str
    board: Mapping[str, Any]
    flows: Mapping[str, Sequence[ToyStep]]
    ledger: str
    log: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    trace: str = ""
    hold: str = ""
    refuse: str = ""
    full: str = ""
    clock_offset: float = 0.0

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Script":
        data = json.loads(text)
        data["flows"] = {
            name: [ToyStep(**step) for step in steps]
            for name, steps in data["flows"].items()
        }
        return cls(**data)
