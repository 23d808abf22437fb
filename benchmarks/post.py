# SPDX-License-Identifier: Apache-2.0
"""The time from a post to its first step, and the cost of an idle conductor.

The conductor is another process with default settings. The time begins before the
post, so it includes its transaction and its entry.
"""

import contextlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.conductor_program import STEPS
from benchmarks.conductors import ConductorProcess, Post
from benchmarks.figures import Effort, Figure, Row, median, p99, rounded
from benchmarks.requests import counter
from benchmarks.servers import BOARDS, Servers
from tests.servers.process import wait_until

_SEED = 1
_SETTLING_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class _Limits:
    """The targets of one board."""

    median: float = 50
    p99: float = 200
    requests: float = 2


# It is polled every 0.25 s; the others call.
_LIMITS = {"sql on MariaDB": _Limits(median=300, p99=500, requests=5)}


@dataclass(frozen=True, slots=True)
class _Idle:
    """The share of a core, and the requests per second, of an idle conductor."""

    cores: float
    requests: float


def benchmark(servers: Servers, effort: Effort) -> Figure:
    """``post_to_first_step_ms`` per board: median, p99, and the idle cost."""
    values = {}
    rows = []
    for board in BOARDS:
        times, idle = _measure(servers, board, effort)
        found = {
            "median": median(times),
            "p99": p99(times),
            "idle_cores": rounded(idle.cores),
            "idle_requests_per_s": rounded(idle.requests),
        }
        values[board] = found
        rows += _rows(board, found)
    return Figure("post_to_first_step_ms", values, rows)


def _rows(board: str, found: Mapping[str, float]) -> list[Row]:
    limits, cores = _LIMITS.get(board, _Limits()), rounded(found["idle_cores"] * 100)
    requests = found["idle_requests_per_s"]
    return [
        Row(f"{board}, median", found["median"], "ms", limits.median),
        Row(f"{board}, p99", found["p99"], "ms", limits.p99),
        Row(f"{board}, idle", cores, "% of a core", 1),
        Row(f"{board}, idle", requests, "requests/s", limits.requests),
    ]


def _measure(servers: Servers, board: str, effort: Effort) -> tuple[list[float], _Idle]:
    place, folder = servers.place(board), servers.new_folder()
    with contextlib.ExitStack() as stack:
        poster = stack.enter_context(contextlib.closing(Post(place, folder)))
        conductor = ConductorProcess(place, folder, "one")
        stack.callback(conductor.stop)
        conductor.start()
        wait_until(poster.is_served, what="the conductor serves")
        time.sleep(_SETTLING_SECONDS)
        idle = _idle(servers, board, conductor, effort.of(20, 3))
        times = [_post(poster, conductor) for _ in range(effort.of(100, 5))]
    return times, idle


def _idle(
    servers: Servers, board: str, conductor: ConductorProcess, seconds: float
) -> _Idle:
    # SQLite has no server: the conductor counts its statements.
    count = counter(servers, board) or conductor.statements
    began, requests, cpu = time.monotonic(), count(), conductor.cpu_seconds()
    time.sleep(seconds)
    used = conductor.cpu_seconds() - cpu
    asked, took = count() - requests, time.monotonic() - began
    return _Idle(used / took, asked / took)


def _post(poster: Post, conductor: ConductorProcess) -> float:
    """Milliseconds of one post to an idle conductor."""
    done = len(conductor.begun(STEPS[0]))
    # Post at a random moment between two polls of the conductor.
    time.sleep(random.Random(_SEED + done).uniform(0.05, 0.3))
    began = time.monotonic()
    posted = poster.post()
    wait_until(lambda: poster.is_done(posted), what="the job is done")
    return (conductor.begun(STEPS[0])[done] - began) * 1000
