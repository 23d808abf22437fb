# SPDX-License-Identifier: Apache-2.0
"""An owner's name is unique to a start; it is dead only where that can be seen."""

import dataclasses
import subprocess
import sys

from amphv2_bootstrap.engine.process_identity import ProcessIdentity, host_of


def test_two_starts_have_two_names() -> None:
    """No two owners are the same, even within one process."""
    first, second = (ProcessIdentity.of_this_process("ctl1") for _ in range(2))
    assert str(first) != str(second)
    assert first.host == host_of(str(first)) == "ctl1"


def test_a_name_reads_back() -> None:
    """An owner's name has all parts of it, even with an IPv6 address as its host."""
    owner = ProcessIdentity.of_this_process("fd00::1")
    assert ProcessIdentity.parse(str(owner)) == owner
    assert ProcessIdentity.parse("nonsense") is None
    assert host_of("nonsense") == "nonsense"
    assert host_of(None) is None


def test_the_living_are_not_dead() -> None:
    """A process that runs is not dead."""
    assert not ProcessIdentity.of_this_process("ctl1").is_surely_dead


def test_a_process_that_ended_is_seen_dead() -> None:
    """A process is dead if its pid is gone, or has a different start."""
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
    """A name without a kernel, as older versions have, still tells a dead process."""
    mine = ProcessIdentity.of_this_process("ctl1")
    former = dataclasses.replace(mine, machine=mine.machine.split(".")[0], start="1-a")
    assert former.is_surely_dead
    assert former.kernel == ""
    assert mine.kernel != ""


def test_a_process_of_another_machine_is_not_surely_dead() -> None:
    """The processes of another boot or pid namespace can't be seen from here."""
    elsewhere = ProcessIdentity("ctl2", 999_999_999, "00000000", "1-abcd")
    assert not elsewhere.is_surely_dead
