# SPDX-License-Identifier: Apache-2.0
"""One run of a claimed flow, from its first open step to an outcome."""

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable
from typing import Any

from taskflow import states
from taskflow.engines.action_engine.engine import SerialActionEngine
from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.errors import FencedError, RefusedError
from amphv2_bootstrap.engine.execution import intents, retries, step_measures
from amphv2_bootstrap.engine.execution.contexts import Contexts
from amphv2_bootstrap.engine.execution.fenced_persistence import FencedBackend
from amphv2_bootstrap.engine.execution.outcome import (
    End,
    Outcome,
    of_failure,
    of_surprise,
    of_trouble,
    reason_of,
)
from amphv2_bootstrap.engine.execution.registry import Flows, atoms, build
from amphv2_bootstrap.engine.execution.retry_until_cancelled import (
    retry_until_cancelled,
)
from amphv2_bootstrap.engine.execution.step_seals import StepSeals
from amphv2_bootstrap.engine.execution.step_timer import StepTimer
from amphv2_bootstrap.engine.execution.stored_failure import described
from amphv2_bootstrap.engine.execution.supervision import Supervisor
from amphv2_bootstrap.engine.lease import Lease
from amphv2_bootstrap.engine.process_identity import host_of
from amphv2_bootstrap.engine.records import LONGEST_REASON, FlowRun, Job
from amphv2_bootstrap.engine.seal import Key, identities
from amphv2_bootstrap.engine.step_limits import StepLimits
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import BootstrapError, CancelledError
from amphv2_bootstrap.spec.masking import Masker

LOG = logging.getLogger(__name__)

# An ended flow is never loaded: taskflow would run a reverted one again.
_ENDED = {states.SUCCESS: Outcome.DONE, states.REVERTED: Outcome.REVERTED}


class Runner:
    """Carries out flows; holds what all runs of one conductor share.

    :param masker: masks what is stored and logged of a run.
    :param limits: how long a step may take.
    """

    def __init__(
        self,
        database: Database,
        journal: Journal,
        flows: Flows,
        contexts: Contexts,
        masker: Masker,
        limits: StepLimits | None = None,
    ) -> None:
        self._database = database
        self._journal = journal
        self._flows = flows
        self._contexts = contexts
        self._store = Store(database)
        self._supervisor = Supervisor(limits or StepLimits())
        self.masker = masker

    def check(self, flow_run: FlowRun, job: Job) -> None:
        """Whether this conductor may carry the flow out.

        :raises RefusedError: it leaves the flow to others.
        :raises FencedError: the job has ended since the flow was read.
        """
        self._supervisor.check(flow_run)
        self._accept(flow_run, job)
        self._flow(flow_run, job, threading.Event())

    def _accept(self, flow_run: FlowRun, job: Job) -> Key:
        """The key of the seals of what the flow's steps note."""
        if job.finished_at is not None:  # its seal is deleted
            raise FencedError(
                "carry out the flow", on=str(flow_run), why="it has ended"
            )
        flow_runs = self._store.flow_runs_of(job.uuid)
        key = self._contexts.accept(job, flow_runs)
        here = flow_run.host in (None, host_of(self._journal.owner))
        known = identities([flow_run])[0] in identities(flow_runs)
        if not here or not known:
            raise _changed(flow_run, "it was changed in the engine's database")
        if flow_run.reverting and job.on_failure != "revert":
            raise _changed(flow_run, "it is marked to be reverted; the job says 'park'")
        return key

    def run(
        self, flow_run: FlowRun, job: Job, lease: Lease, stopping: threading.Event
    ) -> End:
        """Run the flow's open steps, one after the other.

        Returns early, ``suspended``, between two steps once ``stopping`` is set.
        A completed step is never run again; an interrupted one is. A step that hangs
        is left behind, and its claim lost.

        :raises RefusedError: the job was given other secrets since the check.
        """
        try:
            key = self._accept(flow_run, job)
        except FencedError as exc:
            return of_trouble(exc)
        end = self._supervisor.run(
            flow_run,
            lease,
            lambda timer: self._run_directions(
                flow_run, job, key, lease, stopping, timer
            ),
        )
        reason = self.masker.text(end.reason)[:LONGEST_REASON] if end.reason else None
        return dataclasses.replace(end, reason=reason)

    def _run_directions(
        self,
        flow_run: FlowRun,
        job: Job,
        key: Key,
        lease: Lease,
        stopping: threading.Event,
        timer: StepTimer,
    ) -> End:
        if not flow_run.reverting:
            end = self._run(flow_run, job, key, lease, stopping, timer, revert=False)
            if end.failed_step is None or job.on_failure != "revert":
                return end
            reason = self.masker.text(end.reason or "")[:LONGEST_REASON]
            LOG.warning("%s: failed and is reverted: %s", flow_run, reason)
            retry_until_cancelled(
                lambda: self._journal.start_reverting(flow_run, reason), lease.cancelled
            )
        return self._run(flow_run, job, key, lease, stopping, timer, revert=True)

    def _flow(
        self, flow_run: FlowRun, job: Job, cancelled: threading.Event
    ) -> linear_flow.Flow:
        def release(flow_name: str) -> tuple[str, ...]:
            # A step's own retries are for the cloud's servers, not for this database.
            return retry_until_cancelled(
                lambda: tuple(self._journal.release_stage(flow_run, flow_name)),
                cancelled,
            )

        context = self._contexts.make(job, cancelled, release)
        return build(self._flows, flow_run.flow, flow_run.shape, context)

    def _run(
        self,
        flow_run: FlowRun,
        job: Job,
        key: Key,
        lease: Lease,
        stopping: threading.Event,
        timer: StepTimer,
        *,
        revert: bool,
    ) -> End:
        seals = StepSeals(key, flow_run)
        backend = FencedBackend(
            self._database, self._journal, flow_run, lease, self.masker, seals
        )
        engine = None
        try:
            flow = self._flow(flow_run, job, lease.cancelled)
            detail = backend.get_connection().load()
            if detail.state in _ENDED:
                return End(_ENDED[detail.state])
            (seals.check_results if revert else seals.check_directions)(detail)
            # Nothing is noted before the first step has begun. 'job retry' removes the
            # steps' records, but what they made is still this job's.
            has_begun = len(detail) or flow_run.epoch > 1
            noted = has_begun and retry_until_cancelled(
                lambda: intents.noted(backend, only_sealed=not revert), lease.cancelled
            )
            intents.bind(flow, backend, noted or {})
            retries.bind(flow, backend, timer)
            engine = _load(backend, flow, detail, revert)
            timer.watch(engine, flow)
            if job.kind is None:
                step_measures.watch(engine)
            _iterate(engine, lambda: stopping.is_set() or timer.missed is not None)
            backend.get_connection().flush()
        except Exception as exc:  # noqa: BLE001 - whatever a step or taskflow raises
            return _end_of_exception(backend, engine, revert, exc, timer.missed)
        return _end_of_state(engine.storage.get_flow_state(), timer.missed)


def _changed(flow_run: FlowRun, why: str) -> RefusedError:
    return RefusedError(
        "carry out the flow",
        on=str(flow_run),
        why=why,
        todo="Find out who can write to the engine's database, then cancel the job "
        "and post it anew.",
    )


def _load(
    backend: FencedBackend, flow: linear_flow.Flow, detail: Any, revert: bool
) -> Any:
    # Forwards, a failed step stops the flow; a second engine, loaded to revert,
    # goes back.
    options = {"never_resolve": not revert}
    engine = SerialActionEngine(flow, detail, backend, options)
    engine.compile()
    engine.prepare()
    names = [atom.name for atom in atoms(flow)]
    if revert:
        _reopen_reverts(engine, names)
    else:
        _reopen(engine, names)
    return engine


def _reopen(engine: Any, names: list[str]) -> None:
    """Make failed and interrupted steps pending, so that they begin anew.

    taskflow would go on with an interrupted one without a write, and so without
    checking that this conductor still holds the flow.
    """
    for name in names:
        if engine.storage.get_atom_state(name) in (states.FAILURE, states.RUNNING):
            engine.storage.reset(name)


def _reopen_reverts(engine: Any, names: list[str]) -> None:
    """The same for steps that were interrupted, or failed, while being undone."""
    failed = engine.storage.get_execute_failures()
    for name in names:
        state = engine.storage.get_atom_state(name)
        if state in (states.REVERTING, states.REVERT_FAILURE):
            before = states.FAILURE if name in failed else states.SUCCESS
            engine.storage.set_atom_state(name, before)


def _iterate(engine: Any, is_stopping: Callable[[], bool]) -> None:
    running = engine.run_iter()
    suspended = False
    with contextlib.suppress(StopIteration):
        running.send(None)
        while True:
            # Suspended through the generator: a refused write then ends it. One
            # that stays open writes again, and is refused again, when collected.
            suspend = is_stopping() and not suspended
            suspended |= suspend
            running.send(suspend)


def _end_of_exception(
    backend: FencedBackend,
    engine: Any,
    revert: bool,
    exc: Exception,
    missed: str | None,
) -> End:
    if backend.trouble is not None:
        return of_trouble(backend.trouble)
    if backend.lease.is_lost:
        return End(Outcome.FENCED, backend.lease.lost_because)
    if engine is None:
        if isinstance(exc, BootstrapError):
            return of_trouble(exc)
        return of_surprise("load the flow", exc)
    if missed:
        # Not reverted: nobody has seen what the step was at.
        return End(Outcome.FAILED, f"{missed}, and stopped when asked to")
    if revert:
        return _end_of_revert(engine, exc)
    return _end_of_failures(engine) or of_surprise("run the flow", exc)


def _end_of_failures(engine: Any) -> End | None:
    for step, failure in engine.storage.get_execute_failures().items():
        LOG.debug("The step %s failed", step, exc_info=failure.exception)
        return of_failure(step, failure.exception, described(failure))
    return None


def _end_of_revert(engine: Any, exc: Exception) -> End:
    # taskflow raises the cause of a revert even when the revert succeeded.
    if engine.storage.get_flow_state() == states.REVERTED:
        cause = _end_of_failures(engine)
        return End(Outcome.REVERTED, cause.reason if cause else None)
    for step, failure in engine.storage.get_revert_failures().items():
        reason = f"undo {step}: {described(failure)}"
        if isinstance(failure.exception, CancelledError):
            return End(Outcome.SUSPENDED, reason)
        return End(Outcome.REVERT_FAILED, reason)
    return End(Outcome.REVERT_FAILED, reason_of("undo the flow", exc))


def _end_of_state(state: str, missed: str | None) -> End:
    if state == states.SUSPENDED:
        # A step that is done after all isn't run again; the next one needs a new claim.
        return End(Outcome.SUSPENDED, missed or "the conductor is stopping")
    if state == states.SUCCESS:
        return End(Outcome.DONE)
    if state == states.REVERTED:
        return End(Outcome.REVERTED)
    return End(Outcome.REVERT_FAILED, f"the flow ended in state {state}")
