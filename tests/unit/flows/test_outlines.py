# SPDX-License-Identifier: Apache-2.0
from importlib import metadata
from typing import Any

import pytest

from amphv2_bootstrap.engine.execution.registry import NAMESPACE, atoms, shape
from amphv2_bootstrap.flows.outlines import OUTLINES

REGISTERED = {point.name: point for point in metadata.entry_points(group=NAMESPACE)}


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
