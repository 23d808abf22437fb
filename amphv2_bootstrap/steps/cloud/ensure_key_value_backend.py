# SPDX-License-Identifier: Apache-2.0
"""``ensure-key-value-backend``: the backend is fit to keep Octavia's jobs."""

from collections.abc import Collection

from amphv2_bootstrap.steps.base import UNCHANGED, Seen, Step, StepResult
from amphv2_bootstrap.steps.octavia_clients import check_key_value

_INSTALLATION = "install-key-value-host"


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

    def look(self, ahead: Collection[str] = ()) -> Seen:
        """See :func:`amphv2_bootstrap.adapters.key_value.check` for the errors."""
        driver = self.context.spec.driver
        if _INSTALLATION in ahead:
            later = StepResult(UNCHANGED, f"{driver} is tried once it is installed")
            return Seen(later, unseen=f"{_INSTALLATION} sets {driver} up before")
        warnings = check_key_value(self.context)
        summary = f"{driver} answers, takes writes and is fit for jobs"
        return Seen(StepResult(UNCHANGED, summary, warnings))
