# SPDX-License-Identifier: Apache-2.0
"""Finds flows by their registered names, and computes their shapes.

A flow is found by the name of its entry point only, never by an import path from a
database: write access to the database must not decide which code runs here.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Protocol

from stevedore.exception import NoMatches
from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.errors import UnknownFlowError
from amphv2_bootstrap.spec.outline import Atom, Outline

NAMESPACE = "amphv2_bootstrap.flows"

_DIGITS = 12

FlowFactory = Callable[[Any], linear_flow.Flow]
"""Makes a flow from what the composition root passes to it."""


class Flows(Protocol):
    """Where the engine finds the code of a flow."""

    def factory(self, name: str) -> FlowFactory:
        """:raises UnknownFlowError: no flow of that name is registered here."""


class RegisteredFlows:
    """The flows that are installed here as entry points."""

    def factory(self, name: str) -> FlowFactory:
        return _load(name)


@lru_cache
def _load(name: str) -> FlowFactory:
    from stevedore import driver

    try:
        found: Any = driver.DriverManager(NAMESPACE, name)
    except NoMatches as exc:
        raise UnknownFlowError(
            "find the flow",
            on=name,
            why="no flow of this name is registered on this host",
            todo="Install the version of amphv2-bootstrap that posted the job.",
        ) from exc
    factory: FlowFactory = found.driver
    return factory


def build(flows: Flows, name: str, wanted: str, context: Any) -> linear_flow.Flow:
    """The flow in the shape in which it was posted, maybe by an older version.

    A former shape is registered under the name with the beginning of its digest.

    :raises UnknownFlowError: it isn't known here in that shape.
    """
    flow = flows.factory(name)(context)
    if shape(flow) != wanted:
        with contextlib.suppress(UnknownFlowError):
            flow = flows.factory(f"{name}.{wanted[:_DIGITS]}")(context)
    if shape(flow) != wanted:
        raise UnknownFlowError(
            "carry out the flow",
            on=name,
            why="this version of amphv2-bootstrap knows it in another shape",
            todo="Run the conductor of the version that posted the job.",
        )
    return flow


def atoms(flow: linear_flow.Flow) -> Iterator[Any]:
    """The flow's atoms in the order in which they run."""
    for node, _ in flow.iter_nodes():
        if isinstance(node, linear_flow.Flow):
            yield from atoms(node)
        else:
            yield node


def shape(flow: linear_flow.Flow) -> str:
    """The flow's :attr:`Outline.shape`."""
    found = (
        Atom(atom.name, atom.version[0], tuple(atom.requires), tuple(atom.provides))
        for atom in atoms(flow)
    )
    return Outline(flow.name, tuple(found)).shape
