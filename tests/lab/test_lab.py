# SPDX-License-Identifier: Apache-2.0
"""A control plane of three hosts keeps its promise while they fail (promise P12).

Each play runs in network namespaces of its own.
"""

import random
import subprocess
import sys

import pytest

from tests import REPOSITORY
from tests.board_option import left_of
from tests.faults.cloud import SEED
from tests.lab.machine import own_network
from tests.lab.scenarios import ALL, BOARDS
from tests.servers.octavia import find_octavia
from tests.servers.process import binary, die_with_parent


def play(scenario: str, board: str, *more: str) -> list[str]:
    """Play it in another process; fail with all that it printed; return its times."""
    find_octavia()
    for name in ("ip", "bridge", "nsenter", "mariadbd", "haproxy", "redis-server"):
        binary(name)
    what = ("play", scenario, board, SEED, *more)
    done = subprocess.run(
        [*own_network(), sys.executable, "-m", "tests.lab", *what],
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
    return [line for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.timeout(600)
def test_a_host_dies(pytestconfig: pytest.Config, times: list[str]) -> None:
    """Wherever a host dies on some board, no step is lost or repeated."""
    chance = random.Random(SEED)
    times += play("host-killed", chance.choice(left_of(BOARDS, pytestconfig)))


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("board", BOARDS)
def test_a_host_dies_in_each_step(board: str, times: list[str]) -> None:
    """Whatever step a host dies in, no step is lost or repeated."""
    times += play("host-killed", board, "--each-step")


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    ("scenario", "board"),
    [(one.name, board) for one in ALL.values() for board in one.boards],
)
def test_long_form(scenario: str, board: str, times: list[str]) -> None:
    """After every fault all flows end, and nothing is lost or repeated."""
    times += play(scenario, board)
