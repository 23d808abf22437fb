# SPDX-License-Identifier: Apache-2.0
"""The flow that runs on every controller, by the conductor of that host."""

from taskflow.patterns import linear_flow

from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.controller.await_idle_octavia import AwaitIdleOctavia
from amphv2_bootstrap.steps.controller.check_effective_configuration import (
    CheckEffectiveConfiguration,
)
from amphv2_bootstrap.steps.controller.ensure_client_library import EnsureClientLibrary
from amphv2_bootstrap.steps.controller.prove_controller import ProveController
from amphv2_bootstrap.steps.controller.restart_octavia_services import (
    RestartOctaviaServices,
)
from amphv2_bootstrap.steps.controller.write_octavia_configuration import (
    WriteOctaviaConfiguration,
)


def build(context: Context) -> linear_flow.Flow:
    """The flow ``controller``; its name and those of its steps are persisted."""
    return linear_flow.Flow("controller").add(
        EnsureClientLibrary(context),
        AwaitIdleOctavia(context),
        WriteOctaviaConfiguration(context),
        CheckEffectiveConfiguration(context),
        RestartOctaviaServices(context),
        ProveController(context),
    )


def build_as_0_1_0(context: Context) -> linear_flow.Flow:
    """The shape that 0.1.0 posted, for the jobs that it left."""
    steps = (
        EnsureClientLibrary,
        WriteOctaviaConfiguration,
        CheckEffectiveConfiguration,
        RestartOctaviaServices,
        ProveController,
    )
    return linear_flow.Flow("controller").add(*(step(context) for step in steps))
