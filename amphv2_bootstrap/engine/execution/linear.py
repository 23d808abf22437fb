# SPDX-License-Identifier: Apache-2.0
"""taskflow's serial engine for linear flows, at a constant cost per step.

To find the next step taskflow looks at all that came before, and it compiles a flow
by copying, for every atom, what it has compiled of the others: a flow of a thousand
steps becomes quadratic. In a chain the neighbours tell: whoever ran last had all
before him done.
"""

import itertools
from collections.abc import Iterator
from typing import Any

from taskflow import task
from taskflow.engines.action_engine import compiler, deciders, engine, selector
from taskflow.types import graph, tree

# taskflow keeps what Runtime.selector made under this name.
_SELECTOR = "_selector"


class LinearEngine(engine.SerialActionEngine):
    """A serial engine whose flow is one chain of tasks, without retries."""

    def __init__(self, flow: Any, detail: Any, backend: Any, options: Any) -> None:
        super().__init__(flow, detail, backend, options)
        if flow.retry is None and all(isinstance(each, task.Task) for each in flow):
            self._compiler = ChainCompiler(flow)

    def compile(self) -> None:
        """Compile the flow; safe to call again."""
        if not self._compiled:
            super().compile()
            setattr(self._runtime, _SELECTOR, LinearSelector(self._runtime))


class ChainCompiler:
    """Compiles a flow of tasks alone to what taskflow's own compiler makes of it."""

    def __init__(self, flow: Any) -> None:
        self._flow = flow

    def compile(self) -> compiler.Compilation:
        """The graph by which the flow is run, and the tree of what it consists of."""
        found = compiler.Compilation(self._graph(), self._tree())
        # Who asks the tree for a task would search it.
        found.hierarchy.find = {node.item: node for node in found.hierarchy}.get
        return found

    def _graph(self) -> Any:
        flow, end = self._flow, compiler.Terminator(self._flow)
        made = graph.DiGraph(name=flow.name)
        made.add_node(flow, kind=compiler.FLOW, noop=True)
        made.add_nodes_from(flow, kind=compiler.TASK)
        made.add_node(end, kind=compiler.FLOW_END, noop=True)
        for before, after in itertools.pairwise([flow, *flow, end]):
            made.add_edge(before, after, attr_dict={compiler.LINK_INVARIANT: True})
        made.freeze()
        return made

    def _tree(self) -> Any:
        root = tree.Node(self._flow, kind=compiler.FLOW, noop=True)
        for each in self._flow:
            root.add(tree.Node(each, kind=compiler.TASK))
        root.freeze()
        return root


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
