# SPDX-License-Identifier: Apache-2.0
"""A job as operators and their tools read it: a stable JSON form."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from amphv2_bootstrap.engine.description.waiting import (
    drained,
    drained_everywhere,
    waits_for_turn,
)
from amphv2_bootstrap.engine.liveness import ConductorRow, alive, board_outage
from amphv2_bootstrap.engine.process_identity import host_of
from amphv2_bootstrap.engine.records import (
    LIVE,
    Drain,
    FlowRun,
    FlowState,
    Job,
    Step,
    overall_state,
)
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.spec.masking import printable


def describe(store: Store, job: Job) -> dict[str, Any]:
    """The job with its flows and their steps; documented in json.rst.

    Times are ISO 8601 in UTC, durations in seconds, unknown values None. Texts have no
    control character but line breaks and tabs: they may go to root's terminal.
    """
    flow_runs = store.flow_runs_of(job.uuid)
    rows, drains = store.conductors(), store.drains()
    report: dict[str, Any] = printable(
        {
            **summarize(job, [flow_run.state for flow_run in flow_runs]),
            "on_failure": job.on_failure,
            "paused_at": iso(job.paused_at),
            "paused_by": job.paused_by,
            "flows": [
                _flow(
                    store,
                    flow_run,
                    waits_for_turn(flow_run, flow_runs, job, rows, drains)
                    or _waits_for(store, flow_run, rows, drains),
                )
                for flow_run in flow_runs
            ],
        }
    )
    return report


def summarize(job: Job, states: list[FlowState]) -> dict[str, Any]:
    """The head of :func:`describe`."""
    return {
        "id": job.uuid,
        "state": overall_state(states),
        "posted_at": iso(job.created_at),
        "finished_at": iso(job.finished_at),
        "posted_by": job.posted_by,
    }


def waits_for(flow_run: FlowRun, owners: Collection[str]) -> str | None:
    """Which missing conductor a flow waits for (outcome *host lost*), in words.

    :param owners: the names of the conductors that are alive.
    """
    if flow_run.state is FlowState.RUNNING and flow_run.owner not in owners:
        heir = flow_run.host or "any controller, when its claim has expired"
        lost = f"a conductor on {heir}: that on {host_of(flow_run.owner)} is lost"
        return f"{lost}{_place(flow_run)}"
    hosts = {host_of(owner) for owner in owners}
    if flow_run.state is FlowState.READY and not (
        flow_run.host in hosts if flow_run.host else hosts
    ):
        return f"a conductor on {flow_run.host or 'any controller'}"
    return None


def _place(flow_run: FlowRun) -> str:
    """What the loss of a host means for those that come later."""
    if flow_run.at_once is None:
        return ""
    command = f"amphv2-bootstrap job cancel {flow_run.job_uuid} --host {flow_run.host}"
    return (
        ". Its Octavia may be out, so it keeps its turn; if it doesn't come back, "
        f"give it up: {command}"
    )


def _waits_for(
    store: Store,
    flow_run: FlowRun,
    rows: Sequence[ConductorRow],
    drains: Mapping[str, Drain],
) -> str | None:
    if undrain := _waits_for_undrain(flow_run, rows, drains):
        return undrain
    missing = waits_for(flow_run, [row.owner for row in alive(rows)])
    outage = board_outage(rows, flow_run.host) if flow_run.state in LIVE else None
    return _refusal(store, flow_run) or missing or outage


def _waits_for_undrain(
    flow_run: FlowRun, rows: Sequence[ConductorRow], drains: Mapping[str, Drain]
) -> str | None:
    """Which drain keeps a flow from being claimed; None while somebody holds it."""
    held = flow_run.owner in [row.owner for row in alive(rows)]
    if flow_run.state not in LIVE or (flow_run.state is FlowState.RUNNING and held):
        return None
    if flow_run.host is None:
        return drained_everywhere(rows, drains)
    drain = drains.get(flow_run.host)
    return drained(drain) if drain else None


def _refusal(store: Store, flow_run: FlowRun) -> str | None:
    """What the conductors say that refused a flow which none has taken since."""
    if flow_run.state is not FlowState.READY:
        return None
    events = store.flow_run_events(flow_run, ("refused", "claimed", "resumed"))
    if not events or events[-1].kind != "refused":
        return None
    last = events[-1]
    return f"a conductor that takes it; {host_of(last.owner)} refuses: {last.message}"


def _flow(store: Store, flow_run: FlowRun, waits_for: str | None) -> dict[str, Any]:
    return {
        "id": flow_run.uuid,
        "name": flow_run.flow,
        "host": flow_run.host,
        "state": flow_run.state.value,
        "reason": flow_run.reason,
        "waits_for": waits_for,
        "conductor": flow_run.owner,
        "running_on": host_of(flow_run.owner),
        "started_at": iso(flow_run.started_at),
        "finished_at": iso(flow_run.finished_at),
        "tasks": [
            _step(step) for step in store.steps(flow_run, store.atom_names(flow_run))
        ],
    }


def _step(step: Step) -> dict[str, Any]:
    seconds = None
    if step.started_at is not None and step.finished_at is not None:
        seconds = round(step.finished_at - step.started_at, 3)
    return {
        "name": step.name,
        "state": step.state,
        "host": step.host,
        "started_at": iso(step.started_at),
        "finished_at": iso(step.finished_at),
        "seconds": seconds,
        "runs": step.runs,
        "outcome": _text(step.result.get("effect")),
        "summary": _text(step.result.get("summary")),
        "warnings": _texts(step.result.get("warnings")),
        "reason": step.reason,
        "retrying_since": iso(step.retrying_since),
        "retrying_why": step.retrying_why,
    }


def _text(value: Any) -> str | None:
    """A text of a step; None for another value, which no step has written."""
    return value if isinstance(value, str) else None


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else []
    return [text for text in values if isinstance(text, str)]


def iso(seconds: float | None) -> str | None:
    """Epoch seconds as ISO 8601 in UTC, to the millisecond."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
