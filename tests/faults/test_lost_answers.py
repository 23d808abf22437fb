# SPDX-License-Identifier: Apache-2.0
"""Transactions with a lost answer or an error, killed posters, and wrong clocks."""

import random

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import schema
from tests.faults.cloud import (
    BOARDS,
    BoardChoice,
    Cloud,
    MakeCloud,
    explained,
    own_board,
    wait_for_empty_board,
)
from tests.faults.machine import wait_until_over
from tests.faults.script import KILL, LOSE, WAIT, ToyStep
from tests.servers.process import wait_until

FORWARD = [ToyStep("a"), ToyStep("b")]
REVERT = [ToyStep("a"), ToyStep("b"), ToyStep("c", fails=True)]
STORIES = {
    "done": "begin a, end a, begin b, end b",
    "reverted": "begin a, end a, begin b, end b, begin c, end c,"
    " begin-undo b, end-undo b, begin-undo a, end-undo a",
}
REFUSALS = {
    1047: "a Galera node that is not synced",
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
    """Every transaction of the thread that runs the flow, in a run without faults."""
    trace = cloud.touch("trace")
    process = cloud.start("one", trace=str(trace))
    posted = cloud.post(on_failure="revert")
    posted.wait()
    assert posted.states == [end]
    process.terminate()
    cloud.stop()
    names = trace.read_text().splitlines()
    return [name for name in names if name.startswith("flow.write.uncommitted")]


def disturb(cloud: Cloud, end: str, where: str, fault: str) -> None:
    """The fault happens to the only conductor, and every step runs exactly once."""
    cloud.start("one", faults={where: fault}, settings={"expiry": 20.0})
    posted = cloud.post(on_failure="revert")
    with explained(posted):
        posted.wait(f"the flow ends in spite of '{fault}' at {where}")
        assert posted.states == [end]
        assert ", ".join(posted.story) == STORIES[end]
        posted.check()
        wait_for_empty_board(cloud)
    cloud.stop()


@pytest.mark.parametrize("end", STORIES)
def test_a_commit_with_a_lost_answer(
    end: str,
    board_choice: BoardChoice,
    whole: bool,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """If the answer to a commit is lost, nothing is done twice."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        cloud.flows = {"main": FORWARD if end == "done" else REVERT}
        places = transactions(cloud, end)
        for where in places if whole else chance.sample(places, 3):
            print(board, where)
            disturb(cloud, end, where, LOSE)


def test_a_refused_transaction(
    board_choice: BoardChoice,
    whole: bool,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """A conductor survives the transient errors of a Galera cluster."""
    for code in REFUSALS if whole else chance.sample(sorted(REFUSALS), 2):
        end = chance.choice(sorted(STORIES))
        cloud = make_cloud(board_choice.one_of(BOARDS[1:]))
        cloud.flows = {"main": FORWARD if end == "done" else REVERT}
        places = transactions(cloud, end)
        for where in places if whole else [chance.choice(places)]:
            print(f"{code}, {REFUSALS[code]}, at {where}")
            disturb(cloud, end, where, f"refuse {code}")


@pytest.mark.parametrize("where", POSTER)
def test_a_poster_killed_between_two_writes(
    where: str, board_choice: BoardChoice, make_cloud: MakeCloud
) -> None:
    """A committed job is carried out once; another was not acknowledged."""
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
        # The operator posts again, and gets the same job if it was committed.
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
    """Fifty posters at the same time get the same job, which exists once."""
    for board in board_choice.all_or_one(BOARDS[:1], BOARDS[1:]):
        print(board)
        cloud = make_cloud(board)
        _post_at_once(cloud, 50)
        cloud.stop()


def _post_at_once(cloud: Cloud, count: int) -> None:
    cloud.flows = {"main": FORWARD}
    gate = cloud.touch("gate")
    faults = {"loop.write.begin#1": f"{WAIT} {gate}"}
    traces = [cloud.touch("trace") for _ in range(count)]
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
    """With a wrong clock, a live holder keeps its flow, and a dead one loses it."""
    for board in board_choice.all_or_one():
        for hours in (1, -1) if whole else [chance.choice((1, -1))]:
            print(board, hours)
            cloud = make_cloud(board)
            _hold_and_die(cloud, hours * 3600.0, wrong)
            cloud.stop()


def _hold_and_die(cloud: Cloud, offset: float, wrong: str) -> None:
    gate, trace = cloud.touch("gate"), cloud.touch("trace")
    cloud.flows = {"main": [ToyStep("a", renewed=True, gate=str(gate))]}
    offsets = {wrong: offset}
    holder = cloud.start(
        "one",
        trace=str(trace),
        clock_offset=offsets.get("holder", 0.0),
        expiry=4.0,
    )
    posted = cloud.post()
    with explained(posted):
        posted.wait_for("begin a")
        cloud.start(
            "two", machine=1, clock_offset=offsets.get("other", 0.0), expiry=4.0
        )
        wait_until(
            lambda: "lease.renew.after#4" in trace.read_text(),
            what="the claim was renewed past its first expiry",
        )
        # A holder that renewed its claim too late has lost it, and says so.
        lost = sum("lost the claim" in line for line in holder.log)
        assert posted.story.count("begin a") <= 1 + lost
        holder.kill()
        gate.unlink()
        posted.wait("the other conductor takes over after the expiry")
    posted.check()
    times = [event.at for event in posted.history.events]
    # The times are the database's: they differ by the duration of the test only.
    assert max(times) - min(times) < 600
