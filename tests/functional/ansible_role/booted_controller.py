# SPDX-License-Identifier: Apache-2.0
"""A controller with a systemd of its own and Debian's octavia-worker, for the role."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.functional.ansible_role import playbook
from tests.functional.ansible_role.wheel import repack, write_wheel
from tests.servers.booted import BootedDebian
from tests.servers.debian import ROOT, SITE, Debian
from tests.servers.mariadb import MariaDB
from tests.servers.redis import RedisServer

CONF = "/etc/octavia/octavia.conf"
OWN_CONF = "/etc/amphv2-bootstrap/amphv2-bootstrap.conf"
UNIT = "amphv2-conductor"
VENV = "/opt/bootstrap"
PASSWORD = "octavia-pass"
# Ansible takes it for ssh: the last argument is the command.
_SSH = """\
#!/bin/bash
path=/usr/sbin:/usr/bin:/sbin:/bin
exec {enter} env -i HOME=/root LC_ALL=C.UTF-8 PATH=$path /bin/sh -c "${{@: -1}}"
"""
_WHEELS = "/srv/wheels"
_PIP_CONF = f"[global]\nno-index = true\nfind-links = {_WHEELS}\n"
# The libraries are those that tools/debian-root.sh has installed.
_PYTHON = f"""\
#!/bin/sh
set -e
case "$*" in "-m venv "*) ;; *) exec python3 "$@" ;; esac
python3 -m venv "$3"
echo /{SITE} > "$3"/lib/python3.11/site-packages/libraries.pth
printf '{_PIP_CONF}no-deps = true\\n' > "$3"/pip.conf
"""
# Nothing listens on that port.
_SETTINGS = f"""\
s#^.database.$#&\\nconnection = mysql+pymysql://octavia:{PASSWORD}@{{server}}/octavia#
s#^.DEFAULT.$#&\\ntransport_url = rabbit://nobody:none@127.0.0.1:1/#
"""
# As from pip: Octavia is in its own environment, which has no client library.
_FROM_PIP = """
python3 -m venv --system-site-packages /opt/octavia
cd /usr/lib/python3/dist-packages
cp --archive octavia octavia-[0-9]* /opt/octavia/lib/python3.11/site-packages
sed "1s#.*#\\#!/opt/octavia/bin/python3#" /usr/bin/octavia-worker \
    > /opt/octavia/bin/octavia-worker
sed "1s#.*#\\#!/opt/octavia/bin/python3#" /usr/bin/octavia-db-manage \
    > /opt/octavia/bin/octavia-db-manage
chmod +x /opt/octavia/bin/octavia-*
mkdir --parents /etc/systemd/system/octavia-worker.service.d
printf '[Service]\\nExecStart=\\nExecStart=/opt/octavia/bin/octavia-worker \
--config-file /etc/octavia/octavia.conf\\n' \
    > /etc/systemd/system/octavia-worker.service.d/own.conf
"""


def prepare(debian: Debian, mariadb: MariaDB, *, from_pip: bool) -> str:
    """What is there before the first run of the role; returns what that installs."""
    sed = _SETTINGS.format(server=f"{mariadb.host}:{mariadb.port}")
    commands = [
        ("apt-get", "install", "--yes", "--no-install-recommends", "systemd"),
        ("sed", "-i", sed, CONF),
        *([("sh", "-ec", _FROM_PIP)] if from_pip else ()),
    ]
    for each in commands:
        done = debian.run(*each)
        assert done.returncode == 0, done.stdout
    wheels = debian.path(_WHEELS)
    wheels.mkdir(parents=True)
    for name in ("redis", "async-timeout"):
        repack(name, ROOT / SITE, wheels)
    debian.path("/etc/pip.conf").write_text(_PIP_CONF)
    python = debian.path("/usr/local/bin/bootstrap-python")
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(_PYTHON)
    python.chmod(0o755)
    mariadb.execute("CREATE DATABASE octavia CHARACTER SET utf8mb3")
    mariadb.execute("CREATE USER octavia@'%%' IDENTIFIED BY %s", (PASSWORD,))
    mariadb.execute("GRANT ALL ON octavia.* TO octavia@'%'")
    return f"amphv2-bootstrap=={write_wheel(wheels)}"


class Controller:
    """The host that Ansible reaches, and the folder where that is started."""

    def __init__(
        self,
        debian: BootedDebian,
        folder: Path,
        requirement: str,
        octavia: Mapping[str, str],
    ) -> None:
        self.debian = debian
        self.folder = folder
        folder.mkdir()
        ssh = folder / "ssh"
        ssh.write_text(_SSH.format(enter=" ".join(debian.enter())))
        ssh.chmod(0o755)
        variables = {
            "ansible_ssh_executable": str(ssh),
            "ansible_ssh_args": "",
            "ansible_ssh_transfer_method": "piped",
            "ansible_become": False,
            "ansible_python_interpreter": "/usr/bin/python3",
            "amphv2_bootstrap_config": {"octavia": dict(octavia)},
            "amphv2_bootstrap_package": requirement,
            "amphv2_bootstrap_python": "/usr/local/bin/bootstrap-python",
            "amphv2_bootstrap_venv": VENV,
            "amphv2_bootstrap_timeout": 200,
        }
        inventory = {"octavia": {"hosts": {"ctl1": variables}}}
        (folder / "hosts.json").write_text(json.dumps(inventory))
        playbook.write_vault(folder, "all", {})

    def play(self, *arguments: str, **variables: Any) -> str:
        """Run the role with changed variables."""
        more = ("-e", json.dumps(variables)) if variables else ()
        return playbook.play(self.folder, *arguments, *more)

    def process(self) -> str:
        """The conductor's process, by its number there."""
        (found,) = self.debian.unit(UNIT, "MainPID")
        return found


def octavia_options(
    mariadb: MariaDB, redis: RedisServer, *, from_pip: bool
) -> dict[str, str]:
    """The section ``[octavia]``."""
    found = {
        "admin_connection": f"{mariadb.root_url}/",
        "jobboard_backend_hosts": redis.host,
        "jobboard_backend_port": str(redis.port),
        "jobboard_backend_password": redis.password,
        "jobboard_expiration_time": "100",
        "install_client_library": "pip" if from_pip else "packages",
    }
    if from_pip:
        found["python"] = "/opt/octavia/bin/python"
        found["db_manage_command"] = "/opt/octavia/bin/octavia-db-manage"
    return found
