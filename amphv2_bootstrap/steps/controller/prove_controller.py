# SPDX-License-Identifier: Apache-2.0
"""``prove-controller``: the jobboard works with this host's own octavia.conf."""

from collections.abc import Collection
from dataclasses import replace

from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.steps.base import NOT_APPLICABLE, Context, Seen, Step, StepResult
from amphv2_bootstrap.steps.canary import (
    distinct,
    foreseen,
    loaded,
    result_of_proof,
)


class ProveController(Step):
    """Send a job through the jobboard by Octavia's own code; leaves nothing.

    The cloud's canary has shown that a claim expires. That is a matter of the servers
    and of the versions in Octavia's Python: with the same ones, this canary's first
    owner gives its claim back.
    """

    atom_name = "prove-controller"

    def __init__(self, context: Context, systemd: Systemd | None = None) -> None:
        super().__init__(context)
        self._systemd = systemd or Systemd()

    @property
    def aim(self) -> str:
        return "send a job through the jobboard by this controller's configuration"

    def look(self, ahead: Collection[str] = ()) -> Seen:
        return foreseen(self.context)

    def act(self) -> StepResult:
        """See :func:`amphv2_bootstrap.steps.canary.result_of_proof`."""
        seen = self.look()
        if not seen.unseen:
            return seen.result
        results, shown = [], self.context.shown()
        for one in distinct(self.context):
            found = result_of_proof(one, loaded(one), shown, self._systemd)
            results.append(found)
            if results[-1].effect == NOT_APPLICABLE:
                return results[-1]
        warnings = dict.fromkeys(text for each in results for text in each.warnings)
        summary = results[0].summary
        files = self.context.host.config_files
        if len(files) > len(results):
            summary += f"; {', '.join(files)} load the same [task_flow]"
        return replace(results[0], summary=summary, warnings=tuple(warnings))
