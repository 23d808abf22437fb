# SPDX-License-Identifier: Apache-2.0
"""A control plane of three hosts keeps its promise while they fail (promise P12).

Each play runs in network namespaces of its own.
"""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import REPOSITORY
from tests.board_option import left_of
from tests.faults.cloud import SEED
from tests.lab import control
from tests.lab.conftest import TIMES
from tests.lab.lab import LabError
from tests.lab.machine import own_network
from tests.lab.scenarios import ALL, BOARDS
from tests.servers.octavia import find_octavia
from tests.servers.process import binary, die_with_parent

QUICK = "host-killed"
_IN_TURN = "hosts-killed-in-turn"
_TLS_BOARDS = [board for board in BOARDS if board != "zookeeper"]
"""The newest kazoo can't use TLS."""

Record = Callable[[str, object], None]


def play(record: Record, board: str, *scenarios: str, tls: bool = False) -> None:
    """Play them on one lab, in another process; fail with all that it printed."""
    find_octavia()
    for name in ("mariadbd", "haproxy", "redis-server"):
        binary(name)
    words = ("tests.lab", "play", board, SEED, *scenarios, *["--tls"] * tls)
    done = run_apart(*words)
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            record(TIMES, line)
    assert done.returncode == 0, done.stdout[-3000:]


def run_apart(module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a module in namespaces of its own."""
    for name in ("ip", "bridge", "nsenter"):
        binary(name)
    done = subprocess.run(
        [*own_network(), sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=REPOSITORY,
        preexec_fn=die_with_parent,
    )
    print(f"AMPHV2_FAULTS_SEED={SEED}", done.stdout, sep="\n")
    return done


def test_a_host_vanishes() -> None:
    """A host that is cut off or has no power sends nothing, not even a FIN."""
    done = run_apart("tests.lab.silence")
    assert done.returncode == 0, done.stdout


def test_what_a_crash_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of a lab that has ended in any way does not hinder the next one."""
    monkeypatch.setattr(control, "FOLDER", tmp_path / "lab")
    assert control.down() == "No lab is there."
    control.FOLDER.mkdir()
    (control.FOLDER / "pid").write_text("999999999")
    with pytest.raises(LabError, match="no lab is up"):
        control.ask("status")
    assert control.down() == "The lab is down."
    assert not control.FOLDER.exists()


@pytest.mark.timeout(600)
def test_a_host_dies(pytestconfig: pytest.Config, record_property: Record) -> None:
    """Wherever a host dies on some board, no step is lost or repeated."""
    boards = left_of(BOARDS, pytestconfig)
    play(record_property, random.Random(SEED).choice(boards), QUICK)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_lab_for_people() -> None:
    """Each command of tools/lab.sh does what it says, and says how the hosts are."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:

        def lab(*words: str, code: int = 0) -> str:
            command = [sys.executable, "-m", "tests.lab", *words]
            env = {**os.environ, "TMPDIR": folder}
            done = subprocess.run(
                command, env=env, cwd=REPOSITORY, capture_output=True, text=True
            )
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout + done.stderr

        try:
            assert lab("up").count("serves") == 3
            assert "ctl1  10.77.0.1  off" in lab("kill", "ctl1")
            assert "switched off: start it first" in lab("cut", "ctl1", code=1)
            assert "ctl2  10.77.0.2  cut off" in lab("cut", "ctl2")
            assert "cut off" not in lab("heal", "ctl2")
            assert "off" not in lab("start", "ctl1")
            assert "ctl1 is on already" in lab("start", "ctl1", code=1)
            assert "usage: " in lab("run", "ctl1", "--help")
        finally:
            assert lab("down") == "The lab is down.\n"
        assert "run tools/lab.sh up" in lab("status", code=1)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("board", BOARDS)
def test_a_host_dies_in_each_step(board: str, record_property: Record) -> None:
    """Whatever step a host dies in, no step is lost or repeated."""
    play(record_property, board, _IN_TURN)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("board", _TLS_BOARDS)
def test_a_host_dies_with_tls_everywhere(board: str, record_property: Record) -> None:
    """The same where all servers speak TLS only, and ask for a certificate."""
    play(record_property, board, QUICK, tls=True)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("board", BOARDS)
def test_long_form(board: str, record_property: Record) -> None:
    """After every fault all flows end, and nothing is lost or repeated."""
    names = [one.name for one in ALL.values() if board in one.boards]
    names.remove(_IN_TURN)  # which is another test
    random.Random(f"{SEED} {board}").shuffle(names)
    play(record_property, board, *names)
