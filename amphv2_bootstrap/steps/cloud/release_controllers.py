# SPDX-License-Identifier: Apache-2.0
"""``release-controllers``: the flow ``controller`` may begin on each host."""

from collections.abc import Collection

from amphv2_bootstrap.steps.base import (
    NOT_APPLICABLE,
    UNCHANGED,
    Seen,
    Step,
    StepResult,
)


class ReleaseControllers(Step):
    """Let the flow ``controller`` begin on the hosts that have their turn.

    The others follow, as many at once as the job says. Safe to run twice: a flow that
    is released, under way or done stays so. The effect is ``unchanged``: those flows
    report their own changes.
    """

    atom_name = "release-controllers"

    @property
    def aim(self) -> str:
        return "let the controllers begin"

    def look(self, ahead: Collection[str] = ()) -> Seen:
        names = ", ".join(self.context.spec.controllers)
        return Seen(StepResult(UNCHANGED, f"lets {names} begin"))

    def act(self) -> StepResult:
        hosts = self.context.release_controllers()
        if not hosts:
            return StepResult(NOT_APPLICABLE, "no controller takes part")
        limit = self.context.spec.controllers_at_once
        turns = f", {limit} at a time" if limit else ""
        return StepResult(UNCHANGED, f"released on {', '.join(hosts)}{turns}")
