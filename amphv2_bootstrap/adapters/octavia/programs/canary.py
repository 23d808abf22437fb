# SPDX-License-Identifier: Apache-2.0
"""Proves every link of Octavia's jobboard with one job.

The request:

    {"sources": [PATH, ...], "files": {PATH: TEXT}, "timeout": SECONDS, "now": SECONDS,
     "shown": {NAME: TEXT}}

Sources are configuration files, and folders of them; a later one overrides. ``files``
has the texts of those that Octavia's Python can't open. The first
owner of the job is a process that is killed. A second owner must get the claim when it
expires, and no earlier. Where ``shown`` is what this canary, too, runs with (see
:func:`.facts.ran_with`), a claim's expiry has been shown: the first owner then gives
its claim back.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import importlib
import json
import os
import signal
import time
from typing import Any

from . import facts, loading
from .options import GROUP, received
from .own_rights import explained_refusals, try_own
from .reporting import BrokenLinkError, Report, fork, kill, run
from .scratch import Scratch
from .scratch_job import ScratchJob, claim, find, remove_orphans, scratch_job

_SHORTEST = {"redis": 0.5, "etcd": 2, "zookeeper": 4}
"""Seconds of the shortest claims. etcd grants at least 1.5 times its election timeout,
and ZooKeeper by default sessions of at least 2 ticks of 2 s."""

_PATIENCE = 30.0
"""Seconds that an expiry may be late, since servers check claims periodically."""

_EARLIEST = 0.9
"""Part of a claim's time before which it must hold, since clocks differ."""

_POLL = 0.05

_NOT_OWNED = "the second owner got the claim, but does not own it"


def two_steps() -> Any:
    """The flow: one step provides a value, and the other requires it."""
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
    """A process that claims the job on request, and holds it until it is killed.

    It is forked before this process opens any connection.

    :param expires: its claim is as short as the server permits; otherwise as Octavia's.
    """

    def __init__(
        self, conf: Any, report: Report, scratch: Scratch, *, expires: bool
    ) -> None:
        self._driver = loading.driver_name(conf)
        self._scratch, self.expires = scratch, expires
        self.seconds: float = int(conf[GROUP].jobboard_expiration_time)
        if expires:
            self.seconds = _SHORTEST[self._driver]
        request, own_request = os.pipe()
        own_answer, answer = os.pipe()

        def work() -> None:
            os.close(own_request)
            with os.fdopen(request) as requests, os.fdopen(answer, "w") as stream:
                uuid = requests.readline().strip()
                if uuid:
                    self._own(conf, uuid, (requests, stream), report)

        self._pid = fork(work)
        os.close(request)
        os.close(answer)
        self._requests = os.fdopen(own_request, "w")
        self._answers = os.fdopen(own_answer)

    def _own(self, conf: Any, uuid: str, pipes: Any, report: Report) -> None:
        requests, stream = pipes
        try:
            if self._driver == "zookeeper" and self.expires:
                self._shorten_session(conf)
            persistence_driver = loading.persistence_driver()
            driver = loading.jobboard_driver(conf, persistence_driver)
            with contextlib.ExitStack() as stack:
                persistence = stack.enter_context(persistence_driver.get_persistence())
                board = stack.enter_context(driver.job_board(persistence))
                job = find(board, uuid)
                began = time.monotonic()
                claim(board, job, "first", self.seconds)
                self._scratch.expire(board, job)  # a claim writes a key without expiry
                print(json.dumps({"began": began}), file=stream, flush=True)
                if requests.readline():
                    board.abandon(job, "first")
                    print(json.dumps({"released": True}), file=stream, flush=True)
                signal.pause()
        except BaseException as exc:  # noqa: BLE001 - the boundary of the process
            chain = report.chain(exc)
            print(json.dumps({"chain": chain}), file=stream, flush=True)

    def _shorten_session(self, conf: Any) -> None:
        """taskflow reads the session's timeout from the dictionary of TLS options."""
        options = dict(conf[GROUP].jobboard_zookeeper_ssl_options)
        conf.set_override(
            "jobboard_zookeeper_ssl_options",
            {**options, "timeout": self.seconds},
            group=GROUP,
        )

    def claim(self, uuid: str) -> float:
        """Make it claim the job; return the monotonic time just before the claim."""
        return float(self._ask(uuid, "began"))

    def release(self) -> None:
        """Make it give its claim back, as a conductor that stops."""
        self._ask("release", "released")

    def _ask(self, request: str, answer: str) -> Any:
        print(request, file=self._requests, flush=True)
        found = json.loads(self._answers.readline() or "{}")
        if answer not in found:
            raise FirstOwnerError(found.get("chain", []))
        return found[answer]

    def kill(self) -> None:
        """SIGKILL it; safe to call twice."""
        if self._pid:
            kill(self._pid)
        self._pid = 0


class FirstOwnerError(Exception):
    """The first owner could not claim; ``chain`` is its error."""

    def __init__(self, chain: list[dict[str, str]]) -> None:
        self.chain = chain
        super().__init__(chain[0]["text"] if chain else "it ended without an answer")


class SecondOwner:
    """The owner that takes the job over."""

    def __init__(self, conf: Any, job: ScratchJob) -> None:
        self._seconds = conf[GROUP].jobboard_expiration_time
        self._board, self._job = job.board, job.job
        exceptions: Any = importlib.import_module("taskflow.exceptions")
        self._taken = exceptions.UnclaimableJob

    def claims(self) -> bool:
        """Try to claim; return whether that succeeded."""
        try:
            claim(self._board, self._job, "second", self._seconds)
        except self._taken:
            return False
        return True

    def owns(self) -> bool:
        """Whether the board names it as the owner."""
        return bool(self._board.find_owner(self._job) == "second")

    def consumes(self) -> bool:
        """Consume the job; return whether it is gone."""
        self._board.consume(self._job, "second")
        uuids = [job.uuid for job in self._board.iterjobs(ensure_fresh=True)]
        return self._job.uuid not in uuids


def take_over(report: Report, first: Any, second: Any, uuid: str) -> float:
    """Prove claim, expiry and take-over; return the seconds since the first claim.

    :param first: a :class:`FirstOwner`.
    :param second: a :class:`SecondOwner`.
    """
    with report.at("claim"):
        began = float(first.claim(uuid))
        got = _try_claim(first, second, began)
    with report.at("expiry"):
        first.kill()
        while not got:
            if time.monotonic() - began > first.seconds + _PATIENCE:
                raise BrokenLinkError(
                    f"the claim of a dead owner for {first.seconds:g} s still holds "
                    f"after {first.seconds + _PATIENCE:g} s"
                )
            time.sleep(_POLL)
            got = _try_claim(first, second, began)
        seconds = time.monotonic() - began
    with report.at("takeover"):
        if not second.owns():
            raise BrokenLinkError(_NOT_OWNED)
    return seconds


def hand_over(report: Report, first: Any, second: Any, uuid: str) -> float:
    """Prove claim and take-over, without an expiry; parameters as :func:`take_over`."""
    with report.at("claim"):
        began = float(first.claim(uuid))
        got = _try_claim(first, second, began)
    with report.at("takeover"):
        if not got:
            first.release()
            got = bool(second.claims())
        if not got:
            raise BrokenLinkError("the claim that its owner gave back still holds")
        if not second.owns():
            raise BrokenLinkError(_NOT_OWNED)
    return time.monotonic() - began


def _try_claim(first: Any, second: Any, began: float) -> bool:
    """Whether the second owner got the claim; an error if the first one still holds.

    The first claim must hold even when its owner is dead: a server can't know that,
    and a dead process's ZooKeeper session lasts until its timeout.
    """
    got = bool(second.claims())
    seconds = time.monotonic() - began
    if got and seconds < first.seconds * _EARLIEST:
        raise BrokenLinkError(
            f"two owners at once: the second one got the claim {seconds:.1f} s after "
            f"the first, which was for {first.seconds:g} s"
        )
    return got


def _run_flow(conf: Any, job: ScratchJob) -> None:
    """Run the flow from the database, and check its end there."""
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


def _first_owner(
    conf: Any, report: Report, scratch: Scratch, request: dict[str, Any]
) -> tuple[FirstOwner, dict[str, str]]:
    """The first owner, and what it runs with."""
    loading.prepare(loading.MODULES[scratch.driver])
    ran_with = facts.ran_with(scratch.driver)
    expires = not ran_with or ran_with != request.get("shown")
    return FirstOwner(conf, report, scratch, expires=expires), ran_with


def _links(report: Report, request: dict[str, Any]) -> dict[str, Any]:
    with report.at("configuration"):
        conf = loading.configuration(received(request), report)
        scratch = Scratch(conf, request["now"], request["timeout"])
        first, ran_with = _first_owner(conf, report, scratch, request)
    with contextlib.ExitStack() as stack:
        stack.callback(first.kill)
        with report.at("persistence"):
            loading.refuse_file(conf)
            persistence_driver = loading.persistence_driver()
            persistence = stack.enter_context(persistence_driver.get_persistence())
        with report.at("schema"):
            revision = loading.check_schema(persistence.engine, report)
        with report.at("jobboard-driver"):
            driver = loading.jobboard_driver(conf, persistence_driver)
            if hasattr(driver, "shutdown"):
                stack.callback(driver.shutdown)
        with report.at("jobboard-connect"), explained_refusals(conf, scratch):
            board = stack.enter_context(driver.job_board(persistence))
            job = stack.enter_context(scratch_job(report, persistence, board, scratch))
            stack.callback(first.kill)  # before the clean-up: it acts on the board
            try_own(conf, scratch, board)
        with report.at("post"), explained_refusals(conf, scratch, board):
            job.post(two_steps)
        second = SecondOwner(conf, job)
        prove = take_over if first.expires else hand_over
        seconds = prove(report, first, second, job.job.uuid)
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
        "shown": ran_with if first.expires else {},
    }


def program(report: Report, request: dict[str, Any]) -> None:
    """Prove link after link; see the module's docstring."""
    report.say(facts=_links(report, request))


def main() -> None:
    run(program, loading.prepare)
