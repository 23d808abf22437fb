# SPDX-License-Identifier: Apache-2.0
"""Owners: unique to a start, and dead only where that can be seen."""

import dataclasses
import subprocess
import sys

import pytest

from amphv2_bootstrap.engine.process_identity import Owner, condition, host_of


def test_two_starts_have_two_names() -> None:
    """Even within one process, no two owners are the same."""
    first, second = (Owner.of_this_process("ctl1") for _ in range(2))
    assert str(first) != str(second)
    assert first.host == host_of(str(first)) == "ctl1"


def test_a_name_reads_back() -> None:
    """What was written into the database tells all of it, IPv6-like hosts too."""
    owner = Owner.of_this_process("fd00::1")
    assert Owner.parse(str(owner)) == owner
    assert Owner.parse("nonsense") is None
    assert host_of("nonsense") == "nonsense"
    assert host_of(None) is None


def test_the_living_are_not_dead() -> None:
    """This process is alive to itself, and so is another live one."""
    assert not Owner.of_this_process("ctl1").is_surely_dead


def test_a_process_that_ended_is_seen_dead() -> None:
    """Its pid is gone, or belongs to a process that started at another time."""
    code = (
        "from amphv2_bootstrap.engine.process_identity import Owner;"
        "print(Owner.of_this_process('ctl1'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    owner = Owner.parse(done.stdout.strip())
    assert owner is not None
    assert owner.is_surely_dead
    reused = dataclasses.replace(Owner.of_this_process("ctl1"), start="1-abcd")
    assert reused.is_surely_dead


def test_a_name_of_an_older_version_is_seen_dead_too() -> None:
    """It tells no kernel: after an upgrade the dead are still known to be dead."""
    mine = Owner.of_this_process("ctl1")
    former = dataclasses.replace(mine, machine=mine.machine.split(".")[0], start="1-a")
    assert former.is_surely_dead
    assert former.kernel == ""
    assert mine.kernel != ""


def test_nothing_is_said_of_another_machine() -> None:
    """Another boot, or another pid namespace: its processes can't be seen from here."""
    elsewhere = Owner("ctl2", 999_999_999, "00000000", "1-abcd")
    assert not elsewhere.is_surely_dead


ME = Owner.of_this_process("c1")
ELSEWHERE = dataclasses.replace(ME, machine="00000000")
ENDED = dataclasses.replace(ME, start="1-dead")


@pytest.mark.parametrize(
    ("owner", "age", "expected"),
    [
        (str(ME), 30.0, "alive"),
        (str(ELSEWHERE), 30.0, "alive"),
        (str(ELSEWHERE), 30.1, "silent"),
        (str(ENDED), 0.0, "dead"),
        ("of another form", 0.0, "alive"),
    ],
    # The owners hold this process's pid: ids of them would differ by worker.
    ids=["here", "elsewhere", "elsewhere, silent", "ended", "another form"],
)
def test_a_conductors_state(owner: str, age: float, expected: str) -> None:
    """Dead where this host can see it, whatever its age; else by its age."""
    assert condition(owner, age, 30.0) == expected
