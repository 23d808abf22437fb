# SPDX-License-Identifier: Apache-2.0
"""The smallest configuration with which a job can be posted, into SQLite."""

from pathlib import Path

_CONFIGURATION = """\
[DEFAULT]
host = ctl1
state_path = {folder}
[octavia]
config_file = {folder}/octavia.conf
controllers = {controllers}
admin_connection = mysql+pymysql://root:no-such-word@127.0.0.1/
persistence_connection = mysql+pymysql://o:no-such-word@127.0.0.1/octavia_persistence
jobboard_backend_hosts = 127.0.0.1
"""


def write_configuration(
    folder: Path, more: str = "", *, controllers: str = "ctl1"
) -> Path:
    """Write it into ``folder``, with ``more`` at its end; return the path."""
    (folder / "octavia.conf").touch()
    config = folder / "amphv2-bootstrap.conf"
    config.touch(mode=0o600)
    config.write_text(
        _CONFIGURATION.format(folder=folder, controllers=controllers) + more
    )
    return config
