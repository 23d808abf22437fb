# SPDX-License-Identifier: Apache-2.0
"""A small cloud of tests that carries out the registered flows."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from amphv2_bootstrap.engine.execution.registry import FlowFactory, RegisteredFlows
from amphv2_bootstrap.engine.records import Job
from amphv2_bootstrap.flows.outlines import OUTLINES
from amphv2_bootstrap.steps.base import Context
from tests.unit.engine.toys import AnyHost, Cloud, Ledger, ToyFlows
from tests.unit.steps.controller_host import Controller


class _Registered(ToyFlows):
    """The flows of the installed entry points instead of toys."""

    def factory(self, name: str) -> FlowFactory:
        return RegisteredFlows().factory(name)


class _Host(AnyHost):
    """Contexts of one controller."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller

    def make(
        self,
        job: Job,
        cancelled: threading.Event,
        release: Callable[[str], tuple[str, ...]],
    ) -> Context:
        return replace(self._controller.context, cancelled=cancelled)


class RegisteredCloud(Cloud):
    """Its conductors carry out registered flows on ``controller``."""

    def __init__(self, path: Path, controller: Controller) -> None:
        super().__init__(path, _Registered(Ledger(), {}))
        self.contexts = _Host(controller)

    def runs(self, uuid: str) -> dict[str, int]:
        """How often each step of a job's flows was begun."""
        return {
            step.name: step.runs
            for flow_run in self.store.flow_runs_of(uuid)
            for step in self.store.steps(flow_run, OUTLINES[flow_run.flow].names)
        }
