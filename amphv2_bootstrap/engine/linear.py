# SPDX-License-Identifier: Apache-2.0
"""taskflow's serial engine for linear flows, at a constant cost per step.

To find the next step taskflow looks at all that came before, which makes a flow
of a thousand steps quadratic. In a chain the neighbours tell: whoever ran last
had all before him done.
"""

from collections.abc import Iterator
from typing import Any

from taskflow.engines.action_engine import compiler, deciders, engine, selector

# taskflow keeps what Runtime.selector made under this name.
_SELECTOR = "_selector"


class LinearEngine(engine.SerialActionEngine):
    """A serial engine whose flow is one chain of tasks, without retries."""

    def compile(self) -> None:
        """Compile the flow; safe to call again."""
        if not self._compiled:
            super().compile()
            setattr(self._runtime, _SELECTOR, LinearSelector(self._runtime))


class LinearSelector(selector.Selector):
    """Looks at an atom's neighbours only; at the whole flow when it begins."""

    def __init__(self, runtime: Any) -> None:
        super().__init__(runtime)
        self._chain = list(runtime.iterate_nodes(compiler.ATOMS))
        self._places = {atom.name: at for at, atom in enumerate(self._chain)}

    def _browse_atoms_for_execute(self, atom: Any = None) -> Iterator[Any]:
        if atom is None:
            yield from super()._browse_atoms_for_execute()
        else:
            yield from self._ready(atom, 1, "PENDING", "EXECUTE")

    def _browse_atoms_for_revert(self, atom: Any = None) -> Iterator[Any]:
        if atom is None:
            yield from super()._browse_atoms_for_revert()
        else:
            yield from self._ready(atom, -1, "SUCCESS", "REVERT")

    def _ready(
        self, atom: Any, step: int, state: str, intention: str
    ) -> Iterator[tuple[Any, Any]]:
        at = self._places[atom.name] + step
        if 0 <= at < len(self._chain):
            found = self._chain[at]
            storage = self._storage
            if (
                storage.get_atom_state(found.name) == state
                and storage.get_atom_intention(found.name) == intention
            ):
                yield found, deciders.NoOpDecider()
