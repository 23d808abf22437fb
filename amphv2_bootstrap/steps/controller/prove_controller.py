# SPDX-License-Identifier: Apache-2.0
"""``prove-controller``: the jobboard works with this host's own octavia.conf."""

from dataclasses import replace

from amphv2_bootstrap.steps.base import NOT_APPLICABLE, Step, StepResult
from amphv2_bootstrap.steps.canary import (
    distinct,
    loaded,
    obstacle,
    result_of_proof,
    unproven,
)


class ProveController(Step):
    """Send a job through the jobboard by Octavia's own code; leaves nothing.

    The cloud's canary has shown that a claim expires. That is a matter of the servers
    and of the versions in Octavia's Python: with the same ones, this canary's first
    owner gives its claim back.
    """

    atom_name = "prove-controller"

    @property
    def aim(self) -> str:
        return "send a job through the jobboard by this controller's configuration"

    def act(self) -> StepResult:
        """See :func:`amphv2_bootstrap.steps.canary.result_of_proof`."""
        found = obstacle(self.context)
        if found:
            return unproven(self.context, f"{found.why}. {found.todo}")
        results, shown = [], self.context.shown()
        for one in distinct(self.context):
            results.append(result_of_proof(one, loaded(one), shown))
            if results[-1].effect == NOT_APPLICABLE:
                return results[-1]
        warnings = dict.fromkeys(text for each in results for text in each.warnings)
        summary = results[0].summary
        files = self.context.host.config_files
        if len(files) > len(results):
            summary += f"; {', '.join(files)} load the same [task_flow]"
        return replace(results[0], summary=summary, warnings=tuple(warnings))
