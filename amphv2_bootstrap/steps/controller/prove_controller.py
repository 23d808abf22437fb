# SPDX-License-Identifier: Apache-2.0
"""``prove-controller``: the jobboard works with this host's own octavia.conf."""

from amphv2_bootstrap.steps.base import Step, StepResult
from amphv2_bootstrap.steps.canary import loaded, obstacle, result_of_proof, unproven


class ProveController(Step):
    """Send a job through the jobboard by Octavia's own code; leaves nothing."""

    atom_name = "prove-controller"

    @property
    def aim(self) -> str:
        return "send a job through the jobboard by this controller's configuration"

    def act(self) -> StepResult:
        """See :func:`amphv2_bootstrap.steps.canary.result_of_proof`."""
        found = obstacle(self.context)
        if found:
            return unproven(self.context, f"{found.why}. {found.todo}")
        return result_of_proof(self.context, loaded(self.context))
