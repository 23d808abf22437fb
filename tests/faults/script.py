# SPDX-License-Identifier: Apache-2.0
"""The script of a conductor process: its backends, its flows and its faults."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KILL = "kill"
"""The process sends itself SIGKILL."""
STOP = "stop"
"""The process sends itself SIGSTOP; the test sends SIGCONT."""
LOSE = "lose"
"""At ``*.uncommitted`` only: commit, then fail with error 2013, a lost answer."""
TERM = "term"
"""The process sends itself SIGTERM, and has handled it after the boundary."""
WAIT = "wait"
"""``wait PATH``: wait while that file exists."""
REFUSE = "refuse"
"""``refuse CODE``: at ``*.uncommitted``, roll back with this MySQL error."""


@dataclass(frozen=True, slots=True)
class ToyStep:
    """A toy step; in its middle it waits for all of these.

    ``gate``: while this file exists. ``undo_gate``: the same for its undoing.
    ``renewed``: until its claim was renewed once. ``lasts``: for so many seconds.
    A ``stubborn`` step does not stop when it is cancelled.
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
    """All that one conductor process needs; it can be written as JSON.

    ``board`` has the keywords of ``BoardSettings``, with the password in clear and, for
    ``sql``, a URL as ``database``. ``faults`` maps boundaries to faults. ``trace`` is a
    file that gets a line for each boundary. While the file ``hold`` exists, every entry
    on the board looks claimed. While ``refuse`` exists, the database fails with
    the MySQL error code in it: ``1290`` for writes only, others for all statements.
    While ``full`` exists, SQLite's file must not grow. ``clock_offset`` seconds are
    added to the wall clock.
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
