# SPDX-License-Identifier: Apache-2.0
"""Transactions whose answer is lost or an error, and posters that die half-way."""

import random
import signal
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import schema
from tests.faults.cloud import (
    BOARDS,
    BoardChoice,
    Cloud,
    explained,
    own_board,
    wait_for_empty_board,
)
from tests.faults.machine import wait_until_over
from tests.faults.script import KILL, LOSE, WAIT, ToyStep
from tests.servers.process import wait_until

MakeCloud = Callable[[str], Cloud]

FORWARD = [ToyStep("a"), ToyStep("b")]
REVERT = [ToyStep("a"), ToyStep("b"), ToyStep("c", fails=True)]
STORIES = {
    "done": "begin a, end a, begin b, end b",
    "reverted": "begin a, end a, begin b, end b, begin c, end c,"
    " begin-undo b, end-undo b, begin-undo a, end-undo a",
}
REFUSALS = {
    1047: "a Galera node that isn't synced",
    1213: "a deadlock, or a lost certification",
    1290: "a server that became read-only",
    1836: "a server that is being demoted",
}
POSTER = (
    "loop.write.begin#1",
    "loop.write.uncommitted#1",
    "loop.write.committed#1",
    "loop.post_entry.before#1",
    "loop.post_entry.after#1",
)


def transactions(cloud: Cloud, end: str) -> list[str]:
    """Every transaction of the thread that runs the job, undisturbed."""
    trace = cloud.trace()
    process = cloud.start("one", trace=str(trace))
    posted = cloud.post(on_failure="revert")
    posted.wait()
    assert posted.states == [end]
    process.signal(signal.SIGTERM)
    wait_until_over(process, "the conductor has ended")
    cloud.stop()
    names = trace.read_text().splitlines()
    return [name for name in names if name.startswith("job.write.uncommitted")]


def disturb(cloud: Cloud, end: str, where: str, fault: str) -> None:
    """One conductor alone meets the fault, and every step runs exactly once."""
    cloud.start("one", faults={where: fault}, settings={"expiry": 20.0})
    posted = cloud.post(on_failure="revert")
    with explained(posted):
        posted.wait(f"the job ends in spite of '{fault}' at {where}")
        assert posted.states == [end]
        assert ", ".join(posted.story) == STORIES[end]
        posted.check()
        wait_for_empty_board(cloud)
    cloud.stop()


@pytest.mark.parametrize("end", STORIES)
def test_commit_whose_answer_is_lost(
    end: str,
    board_choice: BoardChoice,
    whole: bool,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """Committed, but the connection broke before the answer: nothing is done twice."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        cloud.flows = {"main": FORWARD if end == "done" else REVERT}
        places = transactions(cloud, end)
        for where in places if whole else chance.sample(places, 3):
            print(board, where)
            disturb(cloud, end, where, LOSE)


def test_refused_transaction(
    board_choice: BoardChoice,
    whole: bool,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """What a Galera cluster says to a transaction at times is outlasted."""
    for code in REFUSALS if whole else chance.sample(sorted(REFUSALS), 2):
        end = chance.choice(sorted(STORIES))
        cloud = make_cloud(board_choice.one_of(BOARDS[1:]))
        cloud.flows = {"main": FORWARD if end == "done" else REVERT}
        places = transactions(cloud, end)
        for where in places if whole else [chance.choice(places)]:
            print(f"{code}, {REFUSALS[code]}, at {where}")
            disturb(cloud, end, where, f"refuse {code}")


@pytest.mark.parametrize("where", POSTER)
def test_poster_killed_between_two_writes(
    where: str, board_choice: BoardChoice, make_cloud: MakeCloud
) -> None:
    """What was committed is carried out once; the rest was not acknowledged."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        cloud.flows = {"main": FORWARD}
        script = cloud.script("poster", faults={where: KILL})
        poster = cloud.machines[0].post(script)
        wait_until_over(poster, f"it is killed at {where}")
        assert poster.state == "signal 9"
        unfinished = cloud.job_creation.unfinished()
        assert (unfinished is not None) == (where not in POSTER[:2])
        assert poster.log in ([], [unfinished])
        # The operator posts again, and gets the same where there is one.
        posted = cloud.post()
        assert unfinished in (None, posted.uuid)
        cloud.start("one")
        posted.wait()
        posted.check()
        assert ", ".join(posted.story) == STORIES["done"]
        cloud.stop()


def test_concurrent_identical_posts(
    board_choice: BoardChoice, make_cloud: MakeCloud
) -> None:
    """Of fifty posters at once, all get the same bootstrap, and it is there once."""
    for board in board_choice.all_or_one(BOARDS[:1], BOARDS[1:]):
        print(board)
        cloud = make_cloud(board)
        _post_at_once(cloud, 50)
        cloud.stop()


def _post_at_once(cloud: Cloud, count: int) -> None:
    cloud.flows = {"main": FORWARD}
    gate = cloud.file("gate")
    gate.touch()
    faults = {"loop.write.begin#1": f"{WAIT} {gate}"}
    traces = [cloud.trace() for _ in range(count)]
    posters = [
        cloud.machines[0].post(cloud.script("poster", faults=faults, trace=str(trace)))
        for trace in traces
    ]
    wait_until(
        lambda: all(trace.stat().st_size for trace in traces),
        what="all are ready",
        state=lambda: [(each.state, each.log) for each in posters],
    )
    gate.unlink()
    for poster in posters:
        wait_until_over(poster, "it has posted")
    assert {each.state for each in posters} == {"exit 0"}
    assert {tuple(each.log) for each in posters} == {(cloud.job_creation.unfinished(),)}
    with cloud.database.read() as connection:
        assert len(list(connection.execute(sa.select(schema.jobs)))) == 1
        assert len(list(connection.execute(sa.select(schema.flow_runs)))) == 1
    with own_board(cloud) as found:
        assert len(found.entries()) == 1
    posted = cloud.posted(str(cloud.job_creation.unfinished()))
    cloud.start("one")
    posted.wait()
    posted.check()
    assert ", ".join(posted.story) == STORIES["done"]


@pytest.mark.parametrize("wrong", ["holder", "other"])
def test_a_host_whose_clock_is_wrong(
    wrong: str,
    board_choice: BoardChoice,
    whole: bool,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """A wall clock an hour off neither takes a living job, nor leaves a dead one."""
    for board in board_choice.all_or_one():
        for hours in (1, -1) if whole else [chance.choice((1, -1))]:
            print(board, hours)
            cloud = make_cloud(board)
            _hold_and_die(cloud, hours * 3600.0, wrong)
            cloud.stop()


def _hold_and_die(cloud: Cloud, offset: float, wrong: str) -> None:
    gate, trace = cloud.file("gate"), cloud.trace()
    gate.touch()
    cloud.flows = {"main": [ToyStep("a", renewed=True, gate=str(gate))]}
    board = {**cloud.backends.board, "expiry": 4.0}
    options: dict[str, Any] = {"board": board, "settings": {"expiry": 4.0}}
    offsets = {wrong: offset}
    holder = cloud.start(
        "one",
        trace=str(trace),
        clock_offset=offsets.get("holder", 0.0),
        **options,
    )
    posted = cloud.post()
    with explained(posted):
        wait_until(lambda: posted.story, what="the step is under way")
        cloud.start("two", machine=1, clock_offset=offsets.get("other", 0.0), **options)
        wait_until(
            lambda: "lease.renew.after#4" in trace.read_text(),
            what="the claim was renewed past its first expiry",
        )
        # A holder that was too slow for its own claim has lost it, and says so.
        lost = sum("lost the claim" in line for line in holder.log)
        assert posted.story.count("begin a") <= 1 + lost
        holder.kill()
        gate.unlink()
        posted.wait("the other one takes over after the expiry")
    posted.check()
    begun = posted.history.events
    # Written by the database's clock: within the minutes that a test may take.
    assert max(event.at for event in begun) - min(event.at for event in begun) < 600
