# SPDX-License-Identifier: Apache-2.0
"""Let the controllers begin."""

from amphv2_bootstrap.steps.base import NOT_APPLICABLE, UNCHANGED, Step, StepResult


class ReleaseControllers(Step):
    """Release the flow ``controller`` on every host that waits for it.

    Safe to run twice: a flow that is released, under way or done stays so. It
    changes nothing of the cloud: what these flows change, their own steps say.
    """

    atom_name = "release-controllers"

    @property
    def aim(self) -> str:
        return "let the controllers begin"

    def act(self) -> StepResult:
        hosts = self.context.release_controllers()
        if not hosts:
            return StepResult(NOT_APPLICABLE, "no controller takes part")
        return StepResult(UNCHANGED, f"released on {', '.join(sorted(hosts))}")
