# SPDX-License-Identifier: Apache-2.0
"""``[DEFAULT]``: who this host is and where it keeps its files."""

import socket

from oslo_config import cfg

GROUP = "DEFAULT"

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "host",
        default=socket.gethostname(),
        sample_default="<this host's name>",
        help=(
            "Name of this host among the controllers. It has to be the same text as "
            "in '[octavia] controllers' on every host: the job that configures a "
            "controller is done by the conductor of this name only."
        ),
    ),
    cfg.StrOpt(
        "state_path",
        default="/var/lib/amphv2-bootstrap",
        help=(
            "Folder (absolute path) of this host's own files: the SQLite database of "
            "the engine where no other is configured, private configuration files "
            "for the time of a step, notes. It is made with mode 0700 where it is "
            "missing. Backups of octavia.conf are not here, but beside that file."
        ),
    ),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options of this group, for the sample file and the reference."""
    return [(GROUP, OPTS)]
