# SPDX-License-Identifier: Apache-2.0
"""``ensure-key-value-backend``: the backend is fit to keep Octavia's jobs."""

from amphv2_bootstrap.steps.base import UNCHANGED, Step, StepResult
from amphv2_bootstrap.steps.octavia_clients import check_key_value


class EnsureKeyValueBackend(Step):
    """Verify the backend as Octavia would use it; leaves nothing behind.

    If this program must install it, ``install-key-value-host`` has done so in the
    stage before.
    """

    atom_name = "ensure-key-value-backend"

    @property
    def aim(self) -> str:
        spec = self.context.spec
        servers = ", ".join(f"{host}:{port}" for host, port in spec.key_value_servers)
        return f"try {spec.driver} at {servers} as Octavia would; leaves nothing there"

    def act(self) -> StepResult:
        """See :func:`amphv2_bootstrap.adapters.key_value.check` for the errors."""
        warnings = check_key_value(self.context)
        return StepResult(
            UNCHANGED,
            f"{self.context.spec.driver} answers, takes writes and is fit for jobs",
            warnings=warnings,
        )
