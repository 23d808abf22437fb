# SPDX-License-Identifier: Apache-2.0
"""One job through all that Octavia's jobboard consists of, link by link.

The request:

    {"sources": [PATH, ...], "timeout": SECONDS, "now": SECONDS}

Sources are configuration files, and folders of such; the later wins.
The first owner of the job is a process of its own, which is killed: what it had
claimed has to be free for another when the claim expires, and no earlier.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import importlib
import json
import os
import signal
import time
from typing import Any

from . import loading
from .options import GROUP
from .refusal import told_apart, try_own
from .reporting import BrokenLinkError, Report, fork, kill, run
from .scratch import Scratch
from .scratch_job import ScratchJob, remove_orphans, scratch_job

_SHORTEST = {"redis": 1, "etcd": 2, "zookeeper": 4}
"""Seconds. etcd grants nothing shorter than 1.5 times its election timeout, and
ZooKeeper by default no session shorter than 2 ticks of 2 s."""

_PATIENCE = 30.0
"""Seconds that an expiry may be late: the servers look for them now and then."""

_EARLIEST = 0.9
"""Of a claim's time; the servers' clocks aren't ours."""

_POLL = 0.05


def two_steps() -> Any:
    """The flow: a step that gives a value, and one that needs it."""
    task: Any = importlib.import_module("taskflow.task")
    patterns: Any = importlib.import_module("taskflow.patterns.linear_flow")

    def give(token: str) -> str:
        return token[::-1]

    def take(given: str, token: str) -> bool:
        return given == token[::-1]

    return patterns.Flow("amphv2-canary").add(
        task.FunctorTask(give, name="give", provides="given"),
        task.FunctorTask(take, name="take", provides="taken"),
    )


class FirstOwner:
    """A process that claims the job when told to, and holds it until killed.

    It is forked before anything is connected.
    """

    def __init__(self, conf: Any, report: Report, scratch: Scratch) -> None:
        self._driver = loading.driver_name(conf)
        self._scratch = scratch
        self.seconds = _SHORTEST[self._driver]
        tell, self._tell = os.pipe()
        self._answer, answer = os.pipe()

        def work() -> None:
            os.close(self._tell)
            with os.fdopen(tell) as told, os.fdopen(answer, "w") as stream:
                uuid = told.readline().strip()
                if uuid:
                    self._claim(conf, uuid, stream, report)

        self._pid = fork(work)
        os.close(tell)
        os.close(answer)

    def _claim(self, conf: Any, uuid: str, stream: Any, report: Report) -> None:
        try:
            if self._driver == "zookeeper":
                self._shorten_session(conf)
            persistence_driver = loading.persistence_driver()
            driver = loading.jobboard_driver(conf, persistence_driver)
            with contextlib.ExitStack() as stack:
                persistence = stack.enter_context(persistence_driver.get_persistence())
                board = stack.enter_context(driver.job_board(persistence))
                job = _find(board, uuid)
                began = time.monotonic()
                _claim(board, job, "first", self.seconds)
                self._scratch.expire(board, job)  # a claim writes a key that lasts
                print(json.dumps({"began": began}), file=stream, flush=True)
                signal.pause()
        except BaseException as exc:  # noqa: BLE001 - the boundary of the process
            chain = report.chain(exc)
            print(json.dumps({"chain": chain}), file=stream, flush=True)

    def _shorten_session(self, conf: Any) -> None:
        """taskflow takes the session's timeout from the same dict as TLS."""
        options = dict(conf[GROUP].jobboard_zookeeper_ssl_options)
        conf.set_override(
            "jobboard_zookeeper_ssl_options",
            {**options, "timeout": self.seconds},
            group=GROUP,
        )

    def claim(self, uuid: str) -> float:
        """Let it claim the job; the monotonic time just before it did."""
        with os.fdopen(self._tell, "w") as stream:
            stream.write(uuid + "\n")
        with os.fdopen(self._answer) as stream:
            answer = json.loads(stream.readline() or "{}")
        if "began" not in answer:
            raise FirstOwnerError(answer.get("chain", []))
        return float(answer["began"])

    def kill(self) -> None:
        """SIGKILL it; harmless when it is gone."""
        if self._pid:
            kill(self._pid)
        self._pid = 0


class FirstOwnerError(Exception):
    """The first owner could not claim; ``chain`` is its error."""

    def __init__(self, chain: list[dict[str, str]]) -> None:
        self.chain = chain
        super().__init__(chain[0]["text"] if chain else "it ended without an answer")


def _find(board: Any, uuid: str) -> Any:
    for job in board.iterjobs(ensure_fresh=True):
        if job.uuid == uuid:
            return job
    raise BrokenLinkError("a second connection does not see the job that was posted")


def _claim(board: Any, job: Any, who: str, seconds: int) -> None:
    """As Octavia's conductors do: ZooKeeper's claims last as long as the session."""
    if type(board).__name__ == "ZookeeperJobBoard":
        board.claim(job, who)
    else:
        board.claim(job, who, expiry=seconds)


class Second:
    """The owner that takes over."""

    def __init__(self, conf: Any, job: ScratchJob) -> None:
        self._seconds = conf[GROUP].jobboard_expiration_time
        self._board, self._job = job.board, job.job
        exceptions: Any = importlib.import_module("taskflow.exceptions")
        self._taken = exceptions.UnclaimableJob

    def claims(self) -> bool:
        """Whether it got the claim."""
        try:
            _claim(self._board, self._job, "second", self._seconds)
        except self._taken:
            return False
        return True

    def owns(self) -> bool:
        """Whether the board says so, too."""
        return bool(self._board.find_owner(self._job) == "second")

    def consumes(self) -> bool:
        """Consume, and see whether the job is gone."""
        self._board.consume(self._job, "second")
        uuids = [job.uuid for job in self._board.iterjobs(ensure_fresh=True)]
        return self._job.uuid not in uuids


def take_over(report: Report, first: Any, second: Any, uuid: str) -> float:
    """Through claim, expiry and take-over; seconds from the first claim on.

    :param first: a :class:`FirstOwner`; ``second``: a :class:`Second`.
    """
    with report.at("claim"):
        began = float(first.claim(uuid))
        got = _got(first, second, began)
    with report.at("expiry"):
        first.kill()
        while not got:
            if time.monotonic() - began > first.seconds + _PATIENCE:
                raise BrokenLinkError(
                    f"the claim of a dead owner for {first.seconds} s still holds "
                    f"after {first.seconds + _PATIENCE:g} s"
                )
            time.sleep(_POLL)
            got = _got(first, second, began)
        seconds = time.monotonic() - began
    with report.at("takeover"):
        if not second.owns():
            raise BrokenLinkError("the second owner got the claim, but does not own it")
    return seconds


def _got(first: Any, second: Any, began: float) -> bool:
    """Whether the second owner got the claim, which it must not too early.

    That the first is dead by then doesn't matter: a server can't know it, and what
    a dead process leaves open at ZooKeeper is a session, which lasts to its timeout.
    """
    got = bool(second.claims())
    seconds = time.monotonic() - began
    if got and seconds < first.seconds * _EARLIEST:
        raise BrokenLinkError(
            f"two owners at once: another one got the claim {seconds:.1f} s after it "
            f"was made for {first.seconds} s"
        )
    return got


def _run_flow(conf: Any, job: ScratchJob) -> None:
    """Run the flow as the database has it, and see how it ended there."""
    engines: Any = importlib.import_module("taskflow.engines")
    group = conf[GROUP]
    engine = engines.load_from_detail(
        job.flow_detail(),
        store=job.job.details["store"],
        engine=group.engine,
        backend=job.persistence,
        max_workers=group.max_workers,
    )
    engine.run()
    found = job.flow_detail()
    states = {atom.name: (atom.state, atom.results) for atom in found}
    if found.state != "SUCCESS" or states.get("take") != ("SUCCESS", True):
        raise BrokenLinkError(
            f"the flow ran, but the database holds {found.state} for it, and for its "
            f"steps {', '.join(f'{name} {states[name][0]}' for name in sorted(states))}"
        )


def _links(report: Report, request: dict[str, Any]) -> dict[str, Any]:
    with report.at("configuration"):
        conf = loading.configuration(request["sources"], report)
        scratch = Scratch(conf, request["now"], request["timeout"])
        first = FirstOwner(conf, report, scratch)
    with contextlib.ExitStack() as stack:
        stack.callback(first.kill)
        with report.at("persistence"):
            persistence_driver = loading.persistence_driver()
            persistence = stack.enter_context(persistence_driver.get_persistence())
        with report.at("schema"):
            revision = loading.check_schema(persistence.engine)
        with report.at("jobboard-driver"):
            driver = loading.jobboard_driver(conf, persistence_driver)
            if hasattr(driver, "shutdown"):
                stack.callback(driver.shutdown)
        with report.at("jobboard-connect"), told_apart(conf, scratch):
            board = stack.enter_context(driver.job_board(persistence))
            job = stack.enter_context(scratch_job(report, persistence, board, scratch))
            try_own(conf, scratch, board)
        with report.at("post"), told_apart(conf, scratch, board):
            job.post(two_steps)
        second = Second(conf, job)
        seconds = take_over(report, first, second, job.job.uuid)
        job.expire()
        with report.at("flow"):
            _run_flow(conf, job)
        with report.at("consume"):
            if not second.consumes():
                raise BrokenLinkError("the consumed job is still there")
        removed = remove_orphans(report, job, scratch)
    return {
        "revision": revision,
        "claim_seconds": first.seconds,
        "takeover_seconds": round(seconds, 3),
        "removed": removed,
    }


def program(report: Report, request: dict[str, Any]) -> None:
    """Prove link after link; see the head of this module."""
    report.say(facts=_links(report, request))


def main() -> None:
    run(program)
