# SPDX-License-Identifier: Apache-2.0
"""``prove-jobboard``: the wanted jobboard works, before any controller uses it."""

from collections.abc import Collection

from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.octavia.diagnosis import MissingLibraryError
from amphv2_bootstrap.steps.base import Context, Seen, Step, StepResult
from amphv2_bootstrap.steps.canary import (
    foreseen,
    result_of_proof,
    unproven,
    with_wanted,
)


class ProveJobboard(Step):
    """Send a job through it by Octavia's own code; leaves nothing behind.

    No octavia.conf has the wanted ``[task_flow]`` yet: a private file with it is
    loaded after this host's octavia.conf.
    """

    atom_name = "prove-jobboard"

    def __init__(self, context: Context, systemd: Systemd | None = None) -> None:
        super().__init__(context)
        self._systemd = systemd or Systemd()

    @property
    def aim(self) -> str:
        return "send a job through the jobboard by Octavia's own code"

    def look(self, ahead: Collection[str] = ()) -> Seen:
        return foreseen(self.context)

    def act(self) -> StepResult:
        """See :func:`amphv2_bootstrap.steps.canary.result_of_proof`."""
        seen = self.look()
        if not seen.unseen:
            return seen.result
        try:
            with with_wanted(self.context) as sources:
                # This host may be the first controller: its canary imports meanwhile.
                return result_of_proof(
                    self.context, sources, systemd=self._systemd, another=True
                )
        except MissingLibraryError as exc:
            # ensure-client-library runs later, in the flow controller.
            return unproven(
                self.context,
                f"only its database is proven so far: {exc} After that, the step "
                "prove-controller proves it, or run 'amphv2-bootstrap verify'.",
            )
