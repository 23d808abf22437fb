# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from taskflow.engines.action_engine import compiler
from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.execution.linear import ChainCompiler
from tests.unit.engine.toys import Ledger, Toy

_COMPILERS = (ChainCompiler, compiler.PatternCompiler)


def _described(graph: Any) -> tuple[Any, ...]:
    """Nodes, edges and all that is said of them, the terminator by its name."""
    nodes = [(str(node), data) for node, data in graph.nodes(data=True)]
    edges = [(str(u), str(v), data) for u, v, data in graph.edges(data=True)]
    return graph.name, sorted(nodes, key=str), sorted(edges, key=str)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_chain_is_compiled_as_taskflow_does(length: int) -> None:
    """The graph and the tree are those of taskflow's own compiler, and frozen."""
    steps = [Toy(f"step-{number}", Ledger()) for number in range(length)]
    flow = linear_flow.Flow("chain").add(*steps)
    ours, theirs = (each(flow).compile() for each in _COMPILERS)
    assert _described(ours.execution_graph) == _described(theirs.execution_graph)
    assert ours.hierarchy.pformat() == theirs.hierarchy.pformat()
    assert ours.execution_graph.frozen
    assert ours.hierarchy.frozen
    assert [ours.hierarchy.find(step).item for step in steps] == steps
    assert ours.hierarchy.find(Toy("another", Ledger())) is None
