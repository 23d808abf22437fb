# SPDX-License-Identifier: Apache-2.0
"""Which flow runs a specification needs, in which stages."""

from collections.abc import Sequence

from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.flows.outlines import CLOUD, CONTROLLER, KEY_VALUE_HOST, PLANS
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.outline import Outline


def flow_runs_of(spec: Spec, first: Sequence[str] = ()) -> tuple[NewFlowRun, ...]:
    """The flow runs of all stages; a stage begins when the one before is done.

    First the key-value hosts (if they must be installed), then the cloud, then every
    controller: the schema is there before any service sees the jobboard enabled. The
    controllers take turns in the order of ``controllers``, those of ``first`` first.
    """
    hosts = spec.key_value_hosts if spec.install_key_value_backend else ()
    turns, limit = dict.fromkeys((*first, *spec.controllers)), spec.controllers_at_once
    return (
        *(_flow_run(KEY_VALUE_HOST, 0, host) for host in hosts),
        _flow_run(CLOUD, 1),
        *(_flow_run(CONTROLLER, 2, host, limit) for host in turns),
    )


def plan_runs_of(spec: Spec) -> tuple[NewFlowRun, ...]:
    """A flow that looks for each of :func:`flow_runs_of`, in the same order.

    They look at the same time, but for those of the first stage: what these would
    install decides what the others can look at.
    """
    return tuple(
        _flow_run(PLANS[run.flow], min(run.stage, 1), run.host)
        for run in flow_runs_of(spec)
    )


def _flow_run(
    outline: Outline, stage: int, host: str | None = None, limit: int | None = None
) -> NewFlowRun:
    return NewFlowRun(outline.flow, stage, host, outline.shape, limit)
