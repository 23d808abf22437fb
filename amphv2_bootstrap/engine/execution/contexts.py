# SPDX-License-Identifier: Apache-2.0
"""What the engine asks of the composition root for each job."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

from amphv2_bootstrap.engine.records import Job


class Contexts(Protocol):
    """What the composition root knows and the engine doesn't."""

    def accept(self, job: Job) -> None:
        """:raises RefusedError: this host can't carry out the job."""

    def make(
        self,
        job: Job,
        cancelled: threading.Event,
        release: Callable[[str], tuple[str, ...]],
    ) -> Any:
        """What a flow's factory gets.

        ``release`` makes the waiting flows of a name ready and returns their hosts.
        """
