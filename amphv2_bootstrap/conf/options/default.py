# SPDX-License-Identifier: Apache-2.0
"""``[DEFAULT]``: this host's name, and the folder of its own files."""

import socket

from oslo_config import cfg

GROUP = "DEFAULT"

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "host",
        default=socket.gethostname(),
        sample_default="<this host's name>",
        help=(
            "Name of this host among the controllers. It must be the same text as in "
            "'[octavia] controllers' on every host: only the conductor with this name "
            "carries out the flows of this host."
        ),
    ),
    cfg.StrOpt(
        "state_path",
        default="/var/lib/amphv2-bootstrap",
        help=(
            "Folder (absolute path) of this host's own files: the engine's SQLite "
            "database unless another database is configured, markers, and private "
            "configuration files that exist during a step. It is created with mode "
            "0700 if it is missing. Only root may write it and the folders above it, "
            "unless a different user runs this program. Backups of octavia.conf are "
            "beside that file."
        ),
    ),
]
