# SPDX-License-Identifier: Apache-2.0
"""Posting one job per controller."""

from amphv2_bootstrap.steps.base import NOT_APPLICABLE, UNCHANGED, Step, StepResult


class PostControllerJobs(Step):
    """Release the controllers' jobs; their ids follow from the bootstrap's.

    Safe to run twice: a job that is released, or under way, or done, stays so. It
    changes nothing of the cloud: what these jobs change, their own steps say.
    """

    atom_name = "post-controller-jobs"

    @property
    def aim(self) -> str:
        return "let the controllers begin"

    def act(self) -> StepResult:
        hosts = self.context.release_controllers()
        if not hosts:
            return StepResult(NOT_APPLICABLE, "no controller takes part")
        return StepResult(UNCHANGED, f"jobs posted for {', '.join(sorted(hosts))}")
