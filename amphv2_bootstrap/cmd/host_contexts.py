# SPDX-License-Identifier: Apache-2.0
"""What flows get on this host, and what earlier flows of their job have said."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amphv2_bootstrap.adapters.mysql.database_url import shown
from amphv2_bootstrap.conf.build import Loaded
from amphv2_bootstrap.conf.wanted import problems_of
from amphv2_bootstrap.engine.errors import RefusedError
from amphv2_bootstrap.engine.records import FlowRun, Job
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.flows.outlines import CLOUD, CONTROLLER, LOOK
from amphv2_bootstrap.posting.poster import PLAN
from amphv2_bootstrap.posting.sealing import Sealer
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec

if TYPE_CHECKING:
    from amphv2_bootstrap.adapters.octavia.canary import HeadStart
    from amphv2_bootstrap.steps.base import Context

_PROOF = "prove-jobboard"


class HostContexts:
    """What flows get on this host; see :class:`Contexts`."""

    def __init__(self, loaded: Loaded, sealer: Sealer, store: Store) -> None:
        self._loaded = loaded
        self._sealer = sealer
        self._store = store
        self._head_start: HeadStart | None = None

    def accept(self, job: Job, flow_runs: Sequence[FlowRun]) -> Key:
        key = self._sealer.check(job, flow_runs)
        if self._loaded.persistence_from:
            self._refuse_other_database(_spec_of(job).persistence)
        return key

    def _refuse_other_database(self, wanted: DatabaseUrl) -> None:
        """The default is this host's own, so that only here it can be compared."""
        own = self._loaded.spec.persistence
        if own != wanted:
            raise RefusedError(
                "take the job",
                on=f"controller {self._loaded.host.name}",
                why=f"the job's persistence_connection is {shown(wanted)}, but by "
                f"{self._loaded.persistence_from} it is {shown(own)} here",
                todo="Make that the same on all controllers and reload the conductors, "
                "or set [octavia] persistence_connection on all of them.",
            )

    def make(
        self,
        job: Job,
        cancelled: threading.Event,
        release: Callable[[str], tuple[str, ...]],
    ) -> "Context":
        # Imported here, as below: a post needs no steps and no engine.
        from amphv2_bootstrap.adapters.octavia.canary import HeadStart
        from amphv2_bootstrap.steps.base import Context

        self._head_start = self._head_start or HeadStart()
        earlier = Earlier(self._store, self._sealer, job)
        return Context(
            spec=_spec_of(job),
            host=self._loaded.host,
            secrets=self._loaded.secrets,
            cancelled=cancelled,
            retry=self._loaded.retry,
            release_controllers=lambda: release(CONTROLLER.flow),
            shown=earlier.shown,
            ahead=earlier.ahead,
            head_start=self._head_start,
        )


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier flows of a job have said; only what has the job's seal counts.

    :param job: as it was when its flow began.
    """

    store: Store
    sealer: Sealer
    job: Job

    def shown(self) -> Mapping[str, str]:
        """What the canary of the cloud has shown lately; empty if that isn't known.

        The step is then a whole proof.
        """
        from amphv2_bootstrap.steps.canary import recent

        with contextlib.suppress(BootstrapError):
            for said in self._said(lambda run: run.flow == CLOUD.flow, _PROOF, "shown"):
                return recent(said)
        return {}

    def ahead(self) -> set[str]:
        """The steps of a plan's first stage that it has seen, or not yet, to change."""
        if self.job.kind != PLAN:
            return set()
        reports = self._said(lambda run: run.stage == 0, LOOK, "report")
        found = [step for report in reports for step in report["steps"]]
        return {step["step"] for step in found if step["state"] != "unchanged"}

    def _said(
        self, is_meant: Callable[[FlowRun], bool], step: str, name: str
    ) -> Iterator[Mapping[str, Any]]:
        """The sealed part ``name`` of that step's results, by flow."""
        from amphv2_bootstrap.engine.execution.step_seals import StepSeals

        flow_runs = self.store.flow_runs_of(self.job.uuid)
        key = self.sealer.check(self.job, flow_runs)
        for run in filter(is_meant, flow_runs):
            result = self.store.steps(run, [step])[0].result
            if StepSeals(key, run).has_said(step, name, result):
                yield result[name]


def _spec_of(job: Job) -> Spec:
    """:raises RefusedError: this version wouldn't post it."""
    try:
        spec = Spec.from_dict(job.spec)
        problems = problems_of(spec)
    except ValueError as exc:
        problems = [f"it has {exc}"]
    if problems:
        raise RefusedError(
            "read what the job wants",
            on=job.uuid,
            why=f"this version of amphv2-bootstrap wouldn't post it: "
            f"{' '.join(problems)}",
            todo="Run the conductor of the version that posted the job, or cancel the "
            "job and post it anew.",
        )
    return spec
