# SPDX-License-Identifier: Apache-2.0
"""Services that still run with the configuration as it was before."""

from collections.abc import Iterator
from pathlib import Path

from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.spec.model import HostSettings

# A moment reckoned from the time since boot isn't exact.
_SLACK_SECONDS = 1.0


def stale_services(host: HostSettings, systemd: Systemd | None = None) -> Iterator[str]:
    """Which of this host's services need a restart, a clause for each reason.

    By the marker that a bootstrap leaves until it has restarted them, and by
    the times of the file and of the units in use, where systemd runs them.

    :raises BootstrapError: systemd doesn't answer, or the marker can't be seen.
    """
    if RestartMarker(host.state_path, host.config_file).is_set():
        yield (
            f"{host.config_file} on {host.name} was written by a bootstrap that has "
            "not restarted Octavia's services since"
        )
    found = _older_than_file(host, systemd or Systemd())
    if found:
        yield (
            f"{', '.join(found)} on {host.name} run since before {host.config_file} "
            "was changed, and so with the values of then"
        )


def _older_than_file(host: HostSettings, systemd: Systemd) -> list[str]:
    if host.restart_commands or not systemd.available():
        return []
    try:
        changed_at = Path(host.config_file).stat().st_mtime
    except OSError:
        return []  # whoever loads the file says why
    starts = {unit: systemd.started_at(unit) for unit in systemd.in_use(host.services)}
    return [
        unit
        for unit, started_at in starts.items()
        if started_at is not None and started_at < changed_at - _SLACK_SECONDS
    ]
