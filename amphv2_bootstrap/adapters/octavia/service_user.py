# SPDX-License-Identifier: Apache-2.0
"""Finds the user that runs Octavia's services on this host."""

import os
import pwd
from collections.abc import Iterable

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.spec.model import HostSettings

_TIMEOUT = 30.0


def service_user(host: HostSettings, systemd: Systemd | None = None) -> str | None:
    """The user of all of Octavia's units in use.

    None if this process runs as that user, or may not become it; if there are several
    users; and if systemd doesn't run the services or knows no user of them.

    :raises TransientError: systemd doesn't answer.
    """
    systemd = systemd or Systemd()
    if os.geteuid() or host.restart_commands or not systemd.available():
        return None
    found = systemd.users_of(systemd.in_use(host.services))
    user = found.pop() if len(found) == 1 else ""
    try:
        return user if user and pwd.getpwnam(user).pw_uid else None
    except KeyError:  # a number, or a dynamic user
        return None


def unreadable_for(user: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The files that this user can't read; only root may ask.

    :raises TransientError: the file system doesn't answer.
    """
    ask = ("/bin/sh", "-c", '[ -r "$1" ]', "sh")
    return tuple(
        path
        for path in paths
        if commands.run((*ask, path), timeout=_TIMEOUT, user=user).returncode
    )
