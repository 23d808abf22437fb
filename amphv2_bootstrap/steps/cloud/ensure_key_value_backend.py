# SPDX-License-Identifier: Apache-2.0
"""``ensure-key-value-backend``: the backend is fit to keep Octavia's jobs."""

from amphv2_bootstrap.adapters import key_value
from amphv2_bootstrap.steps.base import UNCHANGED, Step, StepResult


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
        spec = self.context.spec
        warnings = key_value.check(spec, self.context.secrets)
        return StepResult(
            UNCHANGED,
            f"{spec.driver} answers, takes writes and is fit for jobs",
            warnings=warnings,
        )
