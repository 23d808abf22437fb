# SPDX-License-Identifier: Apache-2.0
"""Has the conductors of all hosts look at what a job would change, and waits for them.

A read-only job does that; it is withdrawn at the end, whoever has not answered.
"""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from amphv2_bootstrap.cmd.output.patience import Timeout, outlast
from amphv2_bootstrap.cmd.post import operator
from amphv2_bootstrap.engine.board import BoardUnavailableError
from amphv2_bootstrap.engine.description.report import describe
from amphv2_bootstrap.engine.execution.step_seals import StepSeals
from amphv2_bootstrap.engine.liveness import alive
from amphv2_bootstrap.engine.records import LIVE, FlowRun, FlowState
from amphv2_bootstrap.engine.storage.control.withdrawing import withdraw
from amphv2_bootstrap.flows.outlines import LOOK, OUTLINES, PLANS
from amphv2_bootstrap.spec.masking import printable
from amphv2_bootstrap.steps.plan.foresight import Planned

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.posting.poster import Asked

DEFAULT_SECONDS = 600.0
_POLL_SECONDS = 0.2
# A conductor that was just started, or that refuses what another takes, gets so long.
_PATIENCE_SECONDS = 5.0
_LOOKED_AT = {plan.flow: flow for flow, plan in PLANS.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a flow would change; or ``why`` nobody has said it, as a clause."""

    flow: str
    host: str | None
    found: Sequence[Planned] = ()
    why: str = ""


def ask_all(runtime: "Runtime", seconds: float) -> list[Answer]:
    """The answer of each flow, in the order of their stages.

    Ends when all have answered, when nobody is there who could answer the rest, or
    after ``seconds``. Says on stderr what it waits for.
    """
    timeout = Timeout(seconds)
    board = runtime.board()
    unfinished = outlast(runtime.store.unfinished, timeout)
    if unfinished:
        text = "is unfinished: what it changes meanwhile may be missed"
        print(f"WARNING: job {unfinished} {text}", file=sys.stderr)
    poster, spec = runtime.poster(), runtime.loaded.spec
    asked = poster.ask(spec, posted_by=operator(runtime))
    try:
        poster.announce(asked.job, board)
        flows = _waited(runtime, asked, timeout)
        return outlast(lambda: list(_answers(runtime, asked, flows, seconds)), timeout)
    finally:
        with contextlib.suppress(BoardUnavailableError):  # a conductor does it later
            board.connect()
            withdraw(runtime.journal, board, asked.job.uuid)


def _waited(runtime: "Runtime", asked: "Asked", timeout: Timeout) -> dict[str, Any]:
    """The flows of the last report, by their ids."""
    said, hopeless_since = "", None
    while True:
        report = outlast(lambda: describe(runtime.store, asked.job), timeout)
        flows = report["flows"]
        live = [flow for flow in flows if flow["state"] in LIVE]
        stuck = [flow for flow in live if flow["waits_for"]]
        now = time.monotonic()
        if not live or len(stuck) < len(live):
            hopeless_since = None
        elif hopeless_since is None:
            hopeless_since = now
        is_hopeless = hopeless_since and now - hopeless_since >= _PATIENCE_SECONDS
        if not live or is_hopeless or timeout.is_over:
            return {flow["id"]: flow for flow in flows}
        said = _say(live, said)
        time.sleep(_POLL_SECONDS)


def _say(live: Sequence[dict[str, Any]], said: str) -> str:
    """Say on a terminal who has yet to answer, where that has changed."""
    names = ", ".join(flow["host"] or "any controller" for flow in live)
    if names != said and sys.stderr.isatty():
        print(f"Waiting for {names}", file=sys.stderr, flush=True)
    return names


def _answers(
    runtime: "Runtime", asked: "Asked", flows: dict[str, Any], seconds: float
) -> Iterator[Answer]:
    for run in runtime.store.flow_runs_of(asked.job.uuid):
        flow = _LOOKED_AT[run.flow]
        if run.state is FlowState.DONE:
            yield _answer(runtime, asked, run, flow)
        else:
            yield Answer(flow, run.host, why=_why_not(runtime, run, flows, seconds))


def _answer(runtime: "Runtime", asked: "Asked", run: FlowRun, flow: str) -> Answer:
    result = runtime.store.steps(run, [LOOK])[0].result
    if not StepSeals(asked.key, run).has_said(LOOK, "report", result):
        why = (
            "its answer has no seal of this cloud's secrets: somebody changed it in "
            "the engine's database"
        )
        return Answer(flow, run.host, why=why)
    report = printable(result["report"])
    if report["shape"] != OUTLINES[flow].shape:
        why = (
            f"amphv2-bootstrap {report['version']} is there, and its flow {flow} has "
            "other steps: install the same version everywhere"
        )
        return Answer(flow, run.host, why=why)
    try:
        return Answer(flow, run.host, [*map(Planned.from_dict, report["steps"])])
    except ValueError as exc:
        why = f"another version is there: it sends {exc}"
        return Answer(flow, run.host, why=why)


def _why_not(
    runtime: "Runtime", run: FlowRun, flows: dict[str, Any], seconds: float
) -> str:
    """Why nobody has answered, as a clause."""
    flow = flows[run.uuid]
    if run.state is FlowState.PARKED:
        return str(flow["reason"])
    if not flow["waits_for"]:
        return f"no answer within {seconds:g} s (--timeout); its flow is {run.state}"
    return f"it waits for {flow['waits_for']}{_other_version(runtime, run.host)}"


def _other_version(runtime: "Runtime", host: str | None) -> str:
    """What explains a refusal, or nothing."""
    own = metadata.version("amphv2-bootstrap")
    rows = [row for row in alive(runtime.store.conductors()) if row.host == host]
    versions = {row.version for row in rows} - {own}
    return f" (version {', '.join(versions)} is there, here {own})" if versions else ""
