# SPDX-License-Identifier: Apache-2.0
"""What a conductor works with; made by the composition root."""

from dataclasses import dataclass

from amphv2_bootstrap.engine.board import Board
from amphv2_bootstrap.engine.conductor.reporter import Reporter
from amphv2_bootstrap.engine.execution.runner import Runner
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store


@dataclass(frozen=True, slots=True)
class Parts:
    """``reporter`` tells of this host while the conductor runs, where there is one."""

    board: Board
    store: Store
    journal: Journal
    runner: Runner
    reporter: Reporter | None = None
