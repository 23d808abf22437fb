# SPDX-License-Identifier: Apache-2.0
"""What a step is about to make or do, persisted before that.

A step's result names what it made, but there is none if the step fails, or its
conductor dies, while it makes something. So each thing is recorded as an event before
it is made, under the job's seal, and a revert reads these events. Before a step does
what no other server fences, an event confirms by its write that this conductor still
holds the flow.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence

from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.execution.fenced_persistence import (
    INTENDS,
    FencedBackend,
    FencedConnection,
)
from amphv2_bootstrap.engine.execution.registry import atoms
from amphv2_bootstrap.engine.storage.store import Store

_RETRACTS, _BEGINS = "retracts", "begins"


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
            self._connection.note(self._atom, INTENDS, name)
            self._names[name] = None

    def remove(self, name: str) -> None:
        if name in self._names:
            self._connection.note(self._atom, _RETRACTS, name)
            del self._names[name]

    def all(self) -> tuple[str, ...]:
        return tuple(self._names)


def bind(
    flow: linear_flow.Flow, backend: FencedBackend, noted: Mapping[str, Iterable[str]]
) -> None:
    """Give each step of the flow its intents, and how it confirms its claim.

    :param noted: what earlier runs have noted, by step.
    """
    connection = backend.get_connection()
    for atom in atoms(flow):
        if hasattr(atom, "intents"):
            atom.intents = Intents(connection, atom.name, noted.get(atom.name, ()))
            atom.confirm_claim = functools.partial(connection.note, atom.name, _BEGINS)


def noted(backend: FencedBackend, *, only_sealed: bool) -> Mapping[str, Sequence[str]]:
    """The names that were added and not removed, by step.

    :param only_sealed: leave out what has no seal of this job.
    :raises PermanentError: something has none; nothing may be undone.
    """
    found = _read(backend)
    for step, names in found.items():
        unsealed = [name for name, is_sealed in names.items() if not is_sealed]
        if unsealed and not only_sealed:
            raise backend.seals.unproven(step, unsealed)
    return {
        step: [name for name, is_sealed in names.items() if is_sealed]
        for step, names in found.items()
    }


def _read(backend: FencedBackend) -> Mapping[str, Mapping[str, bool]]:
    """By step, the names that were added and not removed; True where it is sealed."""
    found: dict[str, dict[str, bool]] = {}
    kinds = (INTENDS, _RETRACTS)
    for event in Store(backend.database).flow_run_events(backend.flow_run, kinds):
        step, name = str(event.atom), str(event.message)
        names = found.setdefault(step, {})
        if event.kind == INTENDS:
            names[name] = backend.seals.is_of_intent(event.seal, step, name)
        else:
            names.pop(name, None)
    return found
