# SPDX-License-Identifier: Apache-2.0
"""The time from the death of a conductor in a step to the next start of that step.

The conductor is killed right after its claim, when the claim lasts longest. The
interrupted step is the next one to start.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.engine.conductor.settings import ConductorSettings
from benchmarks.conductor_program import STEPS
from benchmarks.conductors import ConductorProcess, Post
from benchmarks.figures import Effort, Figure, Row, rounded
from benchmarks.places import Place
from benchmarks.servers import BOARDS, Servers
from tests.servers.process import wait_until

_EXPIRY = ConductorSettings().expiry
_CRASH_SECONDS = 2.0
_PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to die, and the conductors that can go on.

    ``apart``: each conductor is on a machine of its own. ``again``: the killed process
    is restarted at once, as a service manager does.
    """

    title: str
    limit: float
    conductors: int = 2
    apart: bool = False
    again: bool = False


_WAYS = {
    "machine": _Way("another machine", _EXPIRY + 1, apart=True),
    "process": _Way("another process of the host", _CRASH_SECONDS),
    "restart": _Way("the process itself, restarted", _CRASH_SECONDS, 1, again=True),
}


def benchmark(servers: Servers, effort: Effort) -> Figure:
    """``takeover_s`` per board and way: the longest of all rounds, and the median."""
    values: dict[str, dict[str, dict[str, float]]] = {}
    rows = []
    for board in BOARDS:
        values[board] = {}
        for name, way in _WAYS.items():
            found = _measure(servers, board, way, effort.of(3, 1))
            longest = rounded(max(found))
            middle = rounded(statistics.median(found))
            values[board][name] = {"median": middle, "max": longest}
            rows.append(Row(f"{board}, {way.title}", longest, "s", way.limit))
    return Figure("takeover_s", values, rows)


def _measure(servers: Servers, board: str, way: _Way, rounds: int) -> list[float]:
    """The seconds of each round."""
    found = []
    for _ in range(rounds):
        with _site(servers.place(board), servers.new_folder(), way) as round_:
            found.append(round_())
    return found


@contextlib.contextmanager
def _site(place: Place, folder: Path, way: _Way) -> Iterator[Callable[[], float]]:
    """Running conductors; the result plays one round."""
    with contextlib.ExitStack() as stack:
        poster = stack.enter_context(contextlib.closing(Post(place, folder)))

        def start(host: str) -> ConductorProcess:
            process = ConductorProcess(place, folder, host, apart=way.apart)
            stack.callback(process.stop)
            process.gate.touch()
            process.start()
            return process

        hosts = [f"host{number}" for number in range(way.conductors)]
        conductors = [start(host) for host in hosts]
        wait_until(lambda: poster.is_served(len(hosts)), what="all conductors serve")

        def play() -> float:
            poster.post()
            wait_until(lambda: _holders(conductors), what="a step is under way")
            (victim,) = _holders(conductors)
            killed = time.monotonic()
            victim.kill()
            if way.again:
                conductors.append(start(victim.host))
            others = [each for each in conductors if each is not victim]
            wait_until(
                lambda: _holders(others),
                what="another goes on",
                timeout=_PATIENCE,
            )
            (heir,) = _holders(others)
            heir.gate.unlink()
            return heir.begun(STEPS[0])[0] - killed

        yield play


def _holders(conductors: list[ConductorProcess]) -> list[ConductorProcess]:
    return [each for each in conductors if each.begun(STEPS[0])]
