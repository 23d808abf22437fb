# SPDX-License-Identifier: Apache-2.0
"""Run in an Octavia's own Python: what its classes do where a release has a trap.

The arguments are an octavia.conf and the name of a function here. Its result is
printed as the last line.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

_POLL = 0.05


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _memory() -> Any:
    """taskflow's persistence in memory, the same one wherever it is asked for."""
    backends = _module("taskflow.persistence.backends")
    found = backends.fetch({"connection": "memory"})
    found.get_connection().upgrade()
    return found


class _Persistence:
    """In the place of Octavia's driver of its database."""

    def __init__(self) -> None:
        self._memory = _memory()

    @contextlib.contextmanager
    def get_persistence(self) -> Iterator[Any]:
        yield self._memory


def _driver() -> Any:
    """Octavia's own driver of its jobboard."""
    conf = _module("oslo_config.cfg").CONF
    return (
        _module("stevedore.driver")
        .DriverManager(
            namespace="octavia.worker.jobboard_driver",
            name=conf.task_flow.jobboard_backend_driver,
            invoke_args=(_Persistence(),),
            invoke_on_load=True,
        )
        .driver
    )


def _causes(exc: BaseException | None) -> str:
    found = []
    while exc is not None:
        found.append(f"{type(exc).__name__}: {exc}")
        exc = exc.__cause__ or exc.__context__
    return " <- ".join(found)


def connect() -> str:
    """Look at the jobboard."""
    try:
        with _driver().job_board(_memory()) as board:
            return f"sees {list(board.iterjobs(ensure_fresh=True))}"
    except Exception as exc:  # noqa: BLE001 - the boundary of the process
        return _causes(exc)


def _is_claimed(board: Any, job: Any) -> bool:
    # Old versions of find_owner() fail if nobody owns the job.
    return bool(board._client.exists(job.owner_key))


def poster() -> str:
    """Wait as the poster of a job that a dead worker has claimed."""
    conf = _module("oslo_config.cfg").CONF
    driver = _driver()
    controller = _module("octavia.common.base_taskflow").TaskFlowServiceController
    with driver.job_board(_memory()) as board:
        job = board.post("job", details={})
        seconds = conf.task_flow.jobboard_expiration_time
        board.claim(job, "dead", expiry=seconds)
        _start(lambda: controller(driver)._wait_for_job(board))
        left = board._client.pttl(job.owner_key)
        while _is_claimed(board, job):
            now = board._client.pttl(job.owner_key)
            if now > left > 0:
                return "renewed"
            left = now
            time.sleep(_POLL)
    return "ended"


def long_step() -> str:
    """Run a flow of one step that goes on until its claim is over."""
    driver = _driver()
    controller = _module("octavia.common.base_taskflow").TaskFlowServiceController(
        driver
    )
    _start(lambda: controller.run_conductor("worker"))
    _start(lambda: controller.run_poster(one_step, store={}))
    _ended.wait(60)
    return "ended" if _ended.is_set() else "held"


_ended = threading.Event()


def one_step() -> Any:
    """The flow's factory; taskflow finds it by its name."""

    def step() -> None:
        with _driver().job_board(_memory()) as board:
            (job,) = board.iterjobs(ensure_fresh=True)
            while _is_claimed(board, job):
                time.sleep(_POLL)
        _ended.set()

    task = _module("taskflow.task").FunctorTask(step, name="step")
    return _module("taskflow.patterns.linear_flow").Flow("one").add(task)


def _start(work: Callable[[], object]) -> None:
    threading.Thread(target=work, daemon=True).start()


if __name__ == "__main__":
    _module("octavia.common.config").init(["--config-file", sys.argv[1]])
    print(f"\n{globals()[sys.argv[2]]()}", flush=True)
    os._exit(0)  # threads of the libraries may not end
