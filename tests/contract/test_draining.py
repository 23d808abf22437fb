# SPDX-License-Identifier: Apache-2.0
"""On every board a drained conductor claims nothing, and ends what it holds."""

import threading
from pathlib import Path

import pytest

from amphv2_bootstrap.engine.board import Board, Entry
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.storage.control.draining import drain, undrain
from tests.contract.boards import Boards
from tests.contract.test_rollout import QUICK
from tests.servers.process import wait_until
from tests.unit.engine.toys import Cloud, Ledger, ToyFlows


class Gate:
    """A step that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.go_on = threading.Event()

    def step(self) -> None:
        self.inside.set()
        assert self.go_on.wait(60)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def cloud(tmp_path: Path, gate: Gate) -> Cloud:
    flows = ToyFlows(
        Ledger(), {"held": ["a", "c"], "free": ["b"], "own": ["d"]}, {"a": gate.step}
    )
    return Cloud(tmp_path, flows)


class Claims:
    """Boards that note which flows a conductor tries to claim."""

    def __init__(self, boards: Boards, monkeypatch: pytest.MonkeyPatch) -> None:
        self._boards = boards
        self._monkeypatch = monkeypatch

    def make(self, noted: list[str]) -> Board:
        board = self._boards.make()
        claim = board.claim_entry

        def claim_entry(entry: Entry, owner: str, expiry: float) -> None:
            noted.append(entry.uuid)
            claim(entry, owner, expiry)

        self._monkeypatch.setattr(board, "claim_entry", claim_entry)
        return board


def test_a_drained_conductor_claims_nothing(
    board_factory: Boards,
    cloud: Cloud,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it holds ends; the rest goes to others, or waits for the undrain."""
    boards = Claims(board_factory, monkeypatch)
    claimed: list[str] = []
    uuid = cloud.post(
        [
            NewFlowRun("held", 0, "one"),
            NewFlowRun("free", 1),
            NewFlowRun("own", 1, "one"),
        ]
    )
    held, free, own = (run.uuid for run in cloud.store.flow_runs_of(uuid))
    with cloud.running("one", QUICK, boards.make(claimed)):
        assert gate.inside.wait(60)
        drain(cloud.journal, "one", "root@two")
        gate.go_on.set()
        cloud.wait_for(uuid, "done", "ready", "ready")
        _wait_for_passes(cloud)
        assert claimed == [held]
    with cloud.running("one", QUICK, boards.make(claimed)):  # after a restart, too
        _wait_for_passes(cloud)
        assert claimed == [held]
        with cloud.running("two", QUICK, boards.make([])):
            cloud.wait_for(uuid, "done", "done", "ready")
        assert cloud.ledger == ["do a", "do c", "do b"]
        undrain(cloud.journal, "one", "root@two")
        cloud.wait_for(uuid, "done")
    assert claimed == [held, own]
    assert free not in claimed


def _wait_for_passes(cloud: Cloud) -> None:
    """Return when the only conductor has looked at the flows, after this call."""
    seen: set[float] = set()

    def looked() -> bool:
        seen.update(row.seen_at for row in cloud.store.conductors())
        return len(seen) > 2

    wait_until(looked, what="the conductor has looked at the board again")
