# SPDX-License-Identifier: Apache-2.0
"""A control plane of three hosts keeps its promise while they fail (promise P12).

Each play runs in network namespaces of its own.
"""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests import REPOSITORY
from tests.board_option import left_of
from tests.faults.cloud import SEED
from tests.lab import control
from tests.lab.lab import LabError
from tests.lab.machine import own_network
from tests.lab.scenarios import ALL, BOARDS
from tests.servers.octavia import find_octavia
from tests.servers.process import binary, die_with_parent

QUICK = ("sql", "zookeeper", "etcd")
"""Octavia's Redis client waits a minute for a dead Sentinel, at each connection."""


def play(scenario: str, board: str, *more: str) -> list[str]:
    """Play it in another process; fail with all that it printed; return its times."""
    find_octavia()
    for name in ("mariadbd", "haproxy", "redis-server"):
        binary(name)
    printed = run_apart("tests.lab", "play", scenario, board, SEED, *more)
    return [line for line in printed.splitlines() if line.startswith("{")]


def run_apart(module: str, *arguments: str) -> str:
    """Run a module in namespaces of its own; it must succeed; return its output."""
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
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def test_a_host_vanishes() -> None:
    """A host that is cut off or has no power sends nothing, not even a FIN."""
    run_apart("tests.lab.silence")


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
def test_a_host_dies(pytestconfig: pytest.Config, times: list[str]) -> None:
    """Wherever a host dies on some board, no step is lost or repeated."""
    boards = left_of(QUICK, pytestconfig)
    if not boards:
        pytest.skip(f"--board leaves none of {QUICK}")
    times += play("host-killed", random.Random(SEED).choice(boards))


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("board", BOARDS)
def test_a_host_dies_in_each_step(board: str, times: list[str]) -> None:
    """Whatever step a host dies in, no step is lost or repeated."""
    times += play("host-killed", board, "--each-step")


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("board", ["sql", "redis", "etcd"])
def test_a_host_dies_with_tls_everywhere(board: str, times: list[str]) -> None:
    """The same where all servers speak TLS only, and ask for a certificate.

    Not with ZooKeeper: the newest kazoo can't use TLS.
    """
    times += play("host-killed", board, "--tls")


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    ("scenario", "board"),
    [(one.name, board) for one in ALL.values() for board in one.boards],
)
def test_long_form(scenario: str, board: str, times: list[str]) -> None:
    """After every fault all flows end, and nothing is lost or repeated."""
    times += play(scenario, board)
