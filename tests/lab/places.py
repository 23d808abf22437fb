# SPDX-License-Identifier: Apache-2.0
"""Where in a job a fault can happen."""

import random
from dataclasses import dataclass

from amphv2_bootstrap.flows.outlines import CLOUD, CONTROLLER
from tests.lab.lab import HOSTS

STEPS = (*CLOUD.names, *CONTROLLER.names)
_PROGRAMS = {"upgrade-persistence-schema": "db-manage"}


@dataclass(frozen=True)
class Place:
    """Where the fault happens: the flow of ``host`` waits at the gate in the step."""

    step: str
    gate: str
    host: str

    @property
    def any_host(self) -> bool:
        """Whether any other host can go on."""
        return self.step in CLOUD.names

    @property
    def program(self) -> str:
        """The program that waits when it starts; empty if the step itself waits."""
        return self.gate.removeprefix("gate-") if self.gate.startswith("gate-") else ""


def place(chance: random.Random, step: str) -> Place:
    """Somewhere in the step: before its work, after it, or in its program."""
    gates = [f"before-{step}", f"after-{step}"]
    if step in _PROGRAMS:
        gates.append(f"gate-{_PROGRAMS[step]}")
    return Place(step, chance.choice(gates), chance.choice(HOSTS))
