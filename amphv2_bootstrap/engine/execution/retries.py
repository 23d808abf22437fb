# SPDX-License-Identifier: Apache-2.0
"""Why a step is being tried again, recorded for the operator."""

from collections.abc import Callable

from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.execution.fenced_persistence import FencedBackend
from amphv2_bootstrap.engine.execution.registry import atoms
from amphv2_bootstrap.engine.execution.step_timer import StepTimer
from amphv2_bootstrap.engine.records import LONGEST_REASON
from amphv2_bootstrap.engine.storage.store import RETRY_EVENT

# An outage causes many attempts, which a table of events must not hold.
_MOST_REASONS = 10


class Retries:
    """Records each distinct reason of one run of one step once; at most ten.

    A write is fenced as those of the step's state are.
    """

    def __init__(self, backend: FencedBackend, atom: str) -> None:
        self._backend = backend
        self._atom = atom
        self._reasons: set[str] = set()

    def record(self, reason: str) -> None:
        """Record that the step is tried again because of ``reason``.

        :raises FencedError: the claim is lost.
        :raises DatabaseUnavailableError: it stayed away until the claim's end.
        """
        clean = self._backend.masker.text(reason)[:LONGEST_REASON]
        if clean in self._reasons or len(self._reasons) == _MOST_REASONS:
            return
        self._backend.get_connection().note(self._atom, RETRY_EVENT, clean)
        self._reasons.add(clean)


def bind(flow: linear_flow.Flow, backend: FencedBackend, timer: StepTimer) -> None:
    """Have each step of the flow that can be retried record its retries."""

    def recording(retries: Retries) -> Callable[[str], None]:
        def record(reason: str) -> None:
            retries.record(reason)
            timer.restart()

        return record

    for atom in atoms(flow):
        if hasattr(atom, "record_retry"):
            atom.record_retry = recording(Retries(backend, atom.name))
