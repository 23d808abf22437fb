# SPDX-License-Identifier: Apache-2.0
"""Finds the user that runs Octavia's services on this host."""

import os
import pwd

from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.spec.model import HostSettings


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
