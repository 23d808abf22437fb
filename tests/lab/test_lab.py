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
from tests.lab import scenarios
from tests.lab.machine import own_network
from tests.servers.octavia import find_octavia
from tests.servers.process import binary, die_with_parent

BOARDS = ("sql", "redis", "zookeeper", "etcd")


def play(scenario: str, board: str) -> None:
    """Play it in another process; fail with all that it printed."""
    find_octavia()
    for name in ("ip", "bridge", "nsenter", "mariadbd", "haproxy"):
        binary(name)
    argv = [*own_network(), sys.executable, "-m", "tests.lab", scenario, board, SEED]
    done = subprocess.run(
        argv,
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


@pytest.mark.timeout(600)
def test_a_host_dies(pytestconfig: pytest.Config) -> None:
    """Wherever a host dies on some board, all steps end once, and it catches up."""
    chance = random.Random(SEED)
    play("host-killed", chance.choice(left_of(BOARDS, pytestconfig)))


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("scenario", scenarios.ALL)
def test_long_form(scenario: str, board: str) -> None:
    """After every fault all flows end, no step runs again, and verify is content."""
    play(scenario, board)
