# SPDX-License-Identifier: Apache-2.0
"""Owners: unique to a start, and dead only where that can be seen."""

import dataclasses
import subprocess
import sys

from amphv2_bootstrap.engine.process_identity import ProcessIdentity, host_of


def test_two_starts_have_two_names() -> None:
    """Even within one process, no two owners are the same."""
    first, second = (ProcessIdentity.of_this_process("ctl1") for _ in range(2))
    assert str(first) != str(second)
    assert first.host == host_of(str(first)) == "ctl1"


def test_a_name_reads_back() -> None:
    """What was written into the database tells all of it, IPv6-like hosts too."""
    owner = ProcessIdentity.of_this_process("fd00::1")
    assert ProcessIdentity.parse(str(owner)) == owner
    assert ProcessIdentity.parse("nonsense") is None
    assert host_of("nonsense") == "nonsense"
    assert host_of(None) is None


def test_the_living_are_not_dead() -> None:
    """This process is alive to itself, and so is another live one."""
    assert not ProcessIdentity.of_this_process("ctl1").is_surely_dead


def test_a_process_that_ended_is_seen_dead() -> None:
    """Its pid is gone, or belongs to a process that started at another time."""
    code = (
        "from amphv2_bootstrap.engine.process_identity import ProcessIdentity;"
        "print(ProcessIdentity.of_this_process('ctl1'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    owner = ProcessIdentity.parse(done.stdout.strip())
    assert owner is not None
    assert owner.is_surely_dead
    reused = dataclasses.replace(
        ProcessIdentity.of_this_process("ctl1"), start="1-abcd"
    )
    assert reused.is_surely_dead


def test_a_name_of_an_older_version_is_seen_dead_too() -> None:
    """It tells no kernel: after an upgrade the dead are still known to be dead."""
    mine = ProcessIdentity.of_this_process("ctl1")
    former = dataclasses.replace(mine, machine=mine.machine.split(".")[0], start="1-a")
    assert former.is_surely_dead
    assert former.kernel == ""
    assert mine.kernel != ""


def test_nothing_is_said_of_another_machine() -> None:
    """Another boot, or another pid namespace: its processes can't be seen from here."""
    elsewhere = ProcessIdentity("ctl2", 999_999_999, "00000000", "1-abcd")
    assert not elsewhere.is_surely_dead
