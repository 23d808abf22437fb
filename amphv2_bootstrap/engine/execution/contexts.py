# SPDX-License-Identifier: Apache-2.0
"""What the engine asks of the composition root for each job."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from amphv2_bootstrap.engine.records import FlowRun, Job
from amphv2_bootstrap.engine.seal import Key


class Contexts(Protocol):
    """What the composition root knows and the engine doesn't."""

    def accept(self, job: Job, flow_runs: Sequence[FlowRun]) -> Key:
        """The key of the job's seals.

        :param flow_runs: all of the job.
        :raises RefusedError: this host can't carry out the job, or the job's seal
            isn't that of what it wants and of its flow runs.
        """

    def make(
        self,
        job: Job,
        cancelled: threading.Event,
        release: Callable[[str], tuple[str, ...]],
    ) -> Any:
        """What a flow's factory gets.

        ``release`` makes the waiting flows of a name ready and returns their hosts.
        """
