# SPDX-License-Identifier: Apache-2.0
"""Finds services that still run with an older configuration."""

from collections.abc import Iterator
from pathlib import Path

from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.spec.model import HostSettings

# A time that is computed from the time since boot isn't exact.
_SLACK_SECONDS = 1.0


def stale_services(host: HostSettings, systemd: Systemd | None = None) -> Iterator[str]:
    """Why services of this host need a restart: one clause for each reason.

    A restart marker is one reason. Another is a unit in use that started before a
    configuration file changed.

    :raises BootstrapError: systemd doesn't answer.
    """
    for one in host.of_each_file():
        yield from _reasons(one, systemd or Systemd())


def _reasons(host: HostSettings, systemd: Systemd) -> Iterator[str]:
    if RestartMarker(host.state_path, host.config_file).is_set():
        yield (
            f"{host.config_file} on {host.name} was written by a bootstrap that has "
            "not restarted Octavia's services since then"
        )
    found = _older_than_file(host, systemd)
    if found:
        yield (
            f"{', '.join(found)} on {host.name} started before {host.config_file} "
            "changed, and so run with older values"
        )


def _older_than_file(host: HostSettings, systemd: Systemd) -> list[str]:
    if host.restart_commands or not systemd.available():
        return []
    try:
        changed_at = Path(host.config_file).stat().st_mtime
    except OSError:
        return []  # the code that loads the file reports it
    starts = {unit: systemd.started_at(unit) for unit in systemd.in_use(host.services)}
    return [
        unit
        for unit, started_at in starts.items()
        if started_at is not None and started_at < changed_at - _SLACK_SECONDS
    ]
