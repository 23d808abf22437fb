# SPDX-License-Identifier: Apache-2.0
"""What a step is about to make or do, persisted before that.

A step's result names what it made, but there is none if the step fails, or its
conductor dies, while it makes something. So each thing is recorded as an event before
it is made, and a revert reads these events. Before a step does what no other server
fences, an event confirms by its write that this conductor still holds the flow.
"""

import functools
from collections.abc import Iterable, Mapping

from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.execution.fenced_persistence import (
    FencedBackend,
    FencedConnection,
)
from amphv2_bootstrap.engine.execution.registry import atoms
from amphv2_bootstrap.engine.records import FlowRun
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.store import Store

_INTENDS, _RETRACTS, _BEGINS = "intends", "retracts", "begins"


class Intents:
    """The intents of one step; their writes are fenced like those of its state.

    :param names: what earlier runs of the step have noted.
    """

    def __init__(
        self, connection: FencedConnection, atom: str, names: Iterable[str]
    ) -> None:
        self._connection = connection
        self._atom = atom
        self._names = dict.fromkeys(names)

    def add(self, name: str) -> None:
        if name not in self._names:
            self._connection.note(self._atom, _INTENDS, name)
            self._names[name] = None

    def remove(self, name: str) -> None:
        if name in self._names:
            self._connection.note(self._atom, _RETRACTS, name)
            del self._names[name]

    def all(self) -> tuple[str, ...]:
        return tuple(self._names)


def bind(flow: linear_flow.Flow, backend: FencedBackend, *, is_begun: bool) -> None:
    """Give each step of the flow its intents, and how it confirms its claim.

    :param is_begun: whether an earlier run may have noted something.
    """
    earlier = _read(backend.database, backend.flow_run) if is_begun else {}
    connection = backend.get_connection()
    for atom in atoms(flow):
        if hasattr(atom, "intents"):
            names = earlier.get(atom.name, {})
            atom.intents = Intents(connection, atom.name, names)
            atom.confirm_claim = functools.partial(connection.note, atom.name, _BEGINS)


def _read(database: Database, flow_run: FlowRun) -> Mapping[str, Mapping[str, None]]:
    """The names that were added and not removed, by step."""
    found: dict[str, dict[str, None]] = {}
    for event in Store(database).flow_run_events(flow_run, (_INTENDS, _RETRACTS)):
        names = found.setdefault(str(event.atom), {})
        if event.kind == _INTENDS:
            names[str(event.message)] = None
        else:
            names.pop(str(event.message), None)
    return found
