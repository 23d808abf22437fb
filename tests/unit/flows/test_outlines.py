# SPDX-License-Identifier: Apache-2.0
from importlib import metadata
from typing import Any

import pytest

from amphv2_bootstrap.engine.errors import UnknownFlowError
from amphv2_bootstrap.engine.execution.registry import (
    NAMESPACE,
    RegisteredFlows,
    atoms,
    build,
    shape,
)
from amphv2_bootstrap.flows.outlines import OUTLINES

_POINTS = metadata.entry_points(group=NAMESPACE)
REGISTERED = {point.name: point for point in _POINTS if "." not in point.name}
FORMER = {point.name: point for point in _POINTS if "." in point.name}


def test_every_flow_has_an_outline() -> None:
    """The outlines are those of the registered flows, and no others."""
    assert set(OUTLINES) == set(REGISTERED)


@pytest.mark.parametrize("name", REGISTERED)
def test_the_outline_equals_the_flow(name: str) -> None:
    """The poster posts what the conductors build."""
    context: Any = None
    flow = REGISTERED[name].load()(context)
    assert OUTLINES[name].flow == flow.name
    assert list(OUTLINES[name].names) == [atom.name for atom in atoms(flow)]
    assert OUTLINES[name].shape == shape(flow)


@pytest.mark.parametrize("name", FORMER)
def test_a_former_shape_is_found_by_its_digest(name: str) -> None:
    """To carry out an older version's job, the flow is built as it was posted."""
    context: Any = None
    flow = FORMER[name].load()(context)
    assert f"{flow.name}.{shape(flow)[:12]}" == name
    wanted = shape(flow)
    assert shape(build(RegisteredFlows(), flow.name, wanted, context)) == wanted
    with pytest.raises(UnknownFlowError, match="another shape"):
        build(RegisteredFlows(), flow.name, "0" * 64, context)
