# SPDX-License-Identifier: Apache-2.0
"""Flows by registered name, and their shapes."""

import pytest
from taskflow import task
from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.errors import UnknownFlowError
from amphv2_bootstrap.engine.execution.registry import RegisteredFlows, atoms, shape


class _Step(task.Task):
    def execute(self) -> None:
        """Nothing."""


def _flow(*names: str, version: tuple[int, int] = (1, 0)) -> linear_flow.Flow:
    flow = linear_flow.Flow("flow")
    for name in names:
        step = _Step(name=name)
        step.version = version
        flow.add(step)
    return flow


@pytest.mark.parametrize("name", ["cloud", "controller", "key-value-host"])
def test_our_flows_are_registered(name: str) -> None:
    """The installed package finds each flow by its name."""
    assert callable(RegisteredFlows().factory(name))


def test_an_unknown_flow_is_refused() -> None:
    """An import path is not followed: the error says what to install."""
    with pytest.raises(UnknownFlowError, match="Install the version"):
        RegisteredFlows().factory("os:system")


def test_atoms_come_in_the_order_in_which_they_run() -> None:
    """The atoms of a flow within the flow are in their place."""
    outer = linear_flow.Flow("outer").add(_Step(name="z"), _flow("b", "a"))
    assert [atom.name for atom in atoms(outer)] == ["z", "b", "a"]


def test_the_shape_differs_with_steps_order_and_major_versions() -> None:
    """A minor version makes no difference."""
    assert shape(_flow("a", "b")) == shape(_flow("a", "b", version=(1, 7)))
    others = [
        _flow("b", "a"),
        _flow("a"),
        _flow("a", "c"),
        _flow("a", "b", version=(2, 0)),
    ]
    assert len({shape(flow) for flow in (_flow("a", "b"), *others)}) == 5
