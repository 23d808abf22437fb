# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.board import Entry
from amphv2_bootstrap.engine.conductor import reconcile
from amphv2_bootstrap.engine.conductor.reconcile import Reconciler
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import FlowRun
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.jobboards.sql.board import SqlBoard
from tests.clock import Clock
from tests.unit.engine.toys import Cloud

_ANOTHERS = Entry("u", "toy", {}, claimed=True, handle=None)


def test_a_slow_comparison_is_followed_by_a_pause(
    make_cloud: Callable[..., Cloud], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the comparison takes, the next one waits its full interval."""
    clock, cloud = Clock(), make_cloud(toy=["a"])
    monkeypatch.setattr(reconcile, "time", clock)

    class SlowStore(Store):
        def live_flow_runs(self) -> list[FlowRun]:
            clock.advance(5.0)
            return super().live_flow_runs()

    board = SqlBoard(cloud.board, cloud.database)
    owner = ProcessIdentity.of_this_process("here")
    reconciler = Reconciler(board, SlowStore(cloud.database), owner, 60.0)
    assert reconciler.is_due([_ANOTHERS])
    reconciler.reconcile([_ANOTHERS])
    assert not reconciler.is_due([_ANOTHERS])
    clock.advance(1.0)
    assert reconciler.is_due([_ANOTHERS])
    assert not reconciler.is_due([])
