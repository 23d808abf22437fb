# SPDX-License-Identifier: Apache-2.0
"""While the database fails now and then, no flow is parked or given up."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
import sqlalchemy as sa
import tenacity

from amphv2_bootstrap.engine.board import BoardUnavailableError, Entry
from amphv2_bootstrap.engine.conductor.backoff import LONGEST_PAUSE, Backoff
from amphv2_bootstrap.engine.errors import (
    DatabaseUnavailableError,
    RefusedError,
    SchemaError,
)
from amphv2_bootstrap.engine.execution import retry_until_cancelled as retrying
from amphv2_bootstrap.engine.execution.retry_until_cancelled import (
    retry_until_cancelled,
)
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.jobboards.sql.board import SqlBoard
from tests.servers.process import wait_until
from tests.unit.engine.toys import SETTINGS, Cloud

MakeCloud = Callable[..., Cloud]


class FlakyDatabase(Database):
    """Fails so often in the threads that run flows, at reads or at writes."""

    def __init__(self, url: str, *, reads: int = 0, writes: int = 0) -> None:
        super().__init__(url)
        self.left = {"read": reads, "write": writes}

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        self._fail("read")
        with super().read() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        self._fail("write")
        with super().write() as connection:
            yield connection

    def _fail(self, what: str) -> None:
        if self.left[what] and threading.current_thread().name.startswith("flow_"):
            self.left[what] -= 1
            raise DatabaseUnavailableError(what, why="as the test wants it")


@pytest.mark.parametrize("on_failure", ["park", "revert"])
def test_a_flow_that_cannot_be_loaded_has_not_failed(
    on_failure: str, make_cloud: MakeCloud
) -> None:
    """The load is repeated until the database is back, and no step fails."""
    cloud = make_cloud(main=["a", "b"])
    uuid = cloud.post([NewFlowRun("main", 0)], on_failure=on_failure)
    database = cloud.database = FlakyDatabase(cloud.url, reads=4)
    with cloud.running():
        cloud.wait_for(uuid, "done")
    assert not database.left["read"]
    assert not cloud.store.flow_runs_of(uuid)[0].reverting
    assert cloud.ledger == ["do a", "do b"]


def test_a_step_that_releases_a_stage_outlasts_the_database(
    make_cloud: MakeCloud,
) -> None:
    """A step's retries are for the cloud; the engine's own outage parks no flow."""
    cloud = make_cloud(main=["a"], later=["b"])
    database = cloud.database = FlakyDatabase(cloud.url)

    def release() -> None:
        database.left["write"] = 8
        assert cloud.contexts.made["release"]("later") == ("one",)

    cloud.flows.actions["a"] = release
    uuid = cloud.post([NewFlowRun("main", 0), NewFlowRun("later", 1, "one")])
    with cloud.running():
        cloud.wait_for(uuid, "done")
    assert cloud.ledger == ["do a", "do b"]


def test_retries_end_when_the_claim_is_lost() -> None:
    """A call that is repeated ends at once when the claim is lost."""
    cancelled = threading.Event()
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            cancelled.set()
        raise DatabaseUnavailableError("read", why="it is away")

    with pytest.raises(DatabaseUnavailableError):
        retry_until_cancelled(call, cancelled)
    assert calls == 3


def test_a_pause_ends_with_the_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is not repeated once the claim is lost, however long the pause."""
    monkeypatch.setattr(retrying, "_WAIT", tenacity.wait_fixed(600))
    cancelled = threading.Event()
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        threading.Timer(0.02, cancelled.set).start()
        raise DatabaseUnavailableError("read", why="it is away")

    with pytest.raises(DatabaseUnavailableError, match="it is away"):
        retry_until_cancelled(call, cancelled)
    assert calls == 1


class FailingBoard(SqlBoard):
    """Its first looks and waits fail: with an error of ours, then unexpectedly."""

    def __init__(self, name: str, database: Database) -> None:
        super().__init__(name, database)
        self.errors: list[Exception] = [
            BoardUnavailableError("look", why="it is away"),
            ZeroDivisionError("nobody expected this"),
        ]
        self.errors_of_waits = list(self.errors)
        self.looks = 0

    def wait_for_change(self, timeout: float) -> None:
        if self.errors_of_waits:
            raise self.errors_of_waits.pop(0)
        super().wait_for_change(timeout)

    def entries(self) -> Sequence[Entry]:
        self.looks += 1
        if self.errors:
            raise self.errors.pop(0)
        return super().entries()


def test_a_board_is_read_again_after_every_error(make_cloud: MakeCloud) -> None:
    """The conductor goes on after errors of every kind."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    board = FailingBoard(cloud.board, cloud.database)
    conductor = cloud.conductor(board=board)
    thread = threading.Thread(target=conductor.run)
    thread.start()
    cloud.wait_for(uuid, "done")
    wait_until(lambda: not board.errors_of_waits, what="it has waited again")
    assert thread.is_alive()
    conductor.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_a_conductor_that_is_stopped_in_a_pause_reads_no_board(
    make_cloud: MakeCloud,
) -> None:
    """A board that is away is not read once more at the end."""
    cloud = make_cloud(main=["a"])
    board = FailingBoard(cloud.board, cloud.database)
    board.errors *= 10
    patient = dataclasses.replace(SETTINGS, poll_interval=10.0)
    conductor = cloud.conductor(board=board, settings=patient)
    thread = threading.Thread(target=conductor.run)
    thread.start()
    wait_until(lambda: board.looks > 0, what="the board was looked at")
    conductor.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert board.looks == 1


class BrokenBoard(SqlBoard):
    """Its database's tables are gone when an entry is removed."""

    def remove(self, entry: Entry, owner: str) -> bool:
        raise SchemaError("remove the entry", why="no such table")


def test_a_board_that_fails_for_good_keeps_no_worker(make_cloud: MakeCloud) -> None:
    """The conductor can stop after any error of the board at the end of a flow."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    conductor = cloud.conductor(board=BrokenBoard(cloud.board, cloud.database))
    thread = threading.Thread(target=conductor.run)
    thread.start()
    cloud.wait_for(uuid, "done")
    wait_until(lambda: conductor.is_idle, what="the worker has ended")
    conductor.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_a_refusal_is_noted_once(make_cloud: MakeCloud) -> None:
    """However often the flow is refused, the history has it once."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    looks = 0

    def refuse(job: object, flow_runs: object) -> Key:
        nonlocal looks
        looks += 1
        raise RefusedError("take the flow", why="not here")

    cloud.contexts.accept = refuse  # type: ignore[method-assign]
    with cloud.running():
        wait_until(lambda: looks > 3, what="it was looked at several times")
    kinds = [event.kind for _, event in cloud.store.events(uuid)]
    assert kinds.count("refused") == 1


def test_pauses_grow_and_end_with_success() -> None:
    """Each failure doubles the pause up to a bound; a success forgets them."""
    backoff = Backoff(refusal_pause=30.0, first_pause=1.0)
    pauses = [backoff.back_off("flow") for _ in range(6)]
    assert pauses == [1, 2, 4, 5, 5, LONGEST_PAUSE]
    assert "flow" in backoff
    backoff.forget("flow")
    assert "flow" not in backoff
    assert backoff.back_off("flow") == 1
