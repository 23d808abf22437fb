# SPDX-License-Identifier: Apache-2.0
"""The flows of a plan: each looks at the steps of another flow, and changes nothing."""

from taskflow.patterns import linear_flow

from amphv2_bootstrap.flows import cloud, controller, key_value_host
from amphv2_bootstrap.flows.outlines import OUTLINES, PLANS
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.plan.look import Look


def look_at_cloud(context: Context) -> linear_flow.Flow:
    """The flow ``plan-cloud``; like those below, its name is persisted."""
    return _looking(cloud.build(context), context)


def look_at_controller(context: Context) -> linear_flow.Flow:
    """The flow ``plan-controller``."""
    return _looking(controller.build(context), context)


def look_at_key_value_host(context: Context) -> linear_flow.Flow:
    """The flow ``plan-key-value-host``."""
    return _looking(key_value_host.build(context), context)


def _looking(flow: linear_flow.Flow, context: Context) -> linear_flow.Flow:
    steps = [step for step, _ in flow.iter_nodes()]
    look = Look(context, steps, OUTLINES[flow.name].shape)
    return linear_flow.Flow(PLANS[flow.name].flow).add(look)
