# SPDX-License-Identifier: Apache-2.0
"""What a flow that has not begun waits for, in words."""

from collections.abc import Mapping, Sequence

from amphv2_bootstrap.engine import rollout
from amphv2_bootstrap.engine.liveness import ConductorRow, alive
from amphv2_bootstrap.engine.records import Drain, FlowRun, FlowState, Job
from amphv2_bootstrap.engine.rollout import Cause


def waits_for_turn(
    flow_run: FlowRun,
    flow_runs: Sequence[FlowRun],
    job: Job,
    rows: Sequence[ConductorRow],
    drains: Mapping[str, Drain],
) -> str | None:
    """Whom or what a waiting flow waits for; None for a flow in another state.

    :param flow_runs: all of the job.
    :param rows: see :meth:`Store.conductors`.
    :param drains: see :meth:`Store.drains`.
    """
    if flow_run.state is not FlowState.WAITING:
        return None
    found = rollout.obstacle(
        flow_run,
        flow_runs,
        {row.host for row in alive(rows)} - drains.keys(),
        paused=job.paused_at is not None,
    )
    if found.cause is Cause.PAUSE:
        return f"'job unpause': {job.paused_by} has paused the job"
    if found.cause is Cause.ABSENT:
        drain = drains.get(flow_run.host or "")
        return drained(drain) if drain else absent(flow_run.host)
    if found.cause is Cause.RELEASE:
        return "its release, which comes next"
    names = _names(found.flows)
    if found.cause is Cause.PARKED:
        return f"{names}: after a failure no other one begins"
    if found.cause is Cause.LIMIT:
        return f"{names}: {flow_run.at_once} at a time"
    return names


def absent(host: str | None) -> str:
    """That a flow would have its turn, but no conductor is alive on its host."""
    return f"a conductor on {host}: none is alive there"


def drained(drain: Drain) -> str:
    """That a flow's host is drained, and what ends that."""
    return f"'conductor undrain {drain.host}': {drain.by} has drained the host"


def drained_everywhere(
    rows: Sequence[ConductorRow], drains: Mapping[str, Drain]
) -> str | None:
    """Why a flow that any host may carry out waits, if all living ones are drained."""
    hosts = dict.fromkeys(row.host for row in alive(rows))
    if not hosts or hosts.keys() - drains.keys():
        return None
    names = ", ".join(hosts)
    return f"a conductor: those that are alive ({names}) are drained"


def _names(flow_runs: Sequence[FlowRun]) -> str:
    """Each flow with its state."""
    return ", ".join(f"the flow {run.name}, which is {run.state}" for run in flow_runs)
