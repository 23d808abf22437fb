# SPDX-License-Identifier: Apache-2.0
"""An inventory of the hosts of a site."""

import functools
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

from tests.functional.ansible_role import playbook
from tests.functional.ansible_role.wheel import write_python, write_wheel
from tests.functional.site import Site
from tests.servers.process import wait_until

_OF_A_HOST = ("config_file", "restart_commands", "controllers", "python")
# What an init script does.
_SERVICE = """\
#!/bin/sh
cd {home}
running() {{ [ -e pid ] && kill -0 "$(cat pid)" 2>/dev/null; }}
stop() {{ kill "$(cat pid)"; while running; do sleep 0.1; done; rm pid; }}
case $1 in
status) running; exit ;;
restart) if running; then stop; fi ;;
esac
setsid bin/amphv2-conductor --config-file {file} </dev/null >>conductor.log 2>&1 &
echo $! >pid
"""


class Controllers:
    """The hosts of ``site``, for the role; each has its own paths on this machine."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.folder = folder
        self.requirement = f"amphv2-bootstrap[redis]=={write_wheel(folder)}"
        self.python = write_python(folder)
        self.secrets = self._secrets()
        for host in site.hosts:
            (site.folder / host / "amphv2-bootstrap.conf").unlink()
            self._write_service(host)
        self._write_inventory()

    def configuration(self, host: str) -> Path:
        return self._home(host) / "etc/amphv2-bootstrap.conf"

    def command(self, host: str) -> Path:
        """The link to ``amphv2-bootstrap``."""
        return self._home(host) / "bin/amphv2-bootstrap"

    def files(self) -> set[Path]:
        """All files of the hosts."""
        return set(self.site.folder.rglob("*"))

    def play(self, *arguments: str, code: int = 0) -> str:
        """Run the playbook, which ends with ``code``; return its output."""
        return playbook.play(self.folder, *arguments, code=code)

    def process(self, host: str) -> int:
        """The conductor that the role has started last."""
        return int((self._home(host) / "pid").read_text())

    def stop(self) -> None:
        """End the conductors that the role has started."""
        for host in self.site.hosts:
            if (self._home(host) / "pid").exists():
                pid = self.process(host)
                os.kill(pid, signal.SIGTERM)
                ended = functools.partial(_ended, pid)
                wait_until(ended, what="the conductor has ended")

    def _home(self, host: str) -> Path:
        return self.site.folder / host

    def _secrets(self) -> dict[str, str]:
        options = self.site.configuration(self.site.hosts[0])
        return {
            "vault_engine": options["task_flow"]["persistence_connection"],
            "vault_admin": options["octavia"]["admin_connection"],
            "vault_octavia": options["octavia"]["persistence_connection"],
            "vault_redis": self.site.key_value.password or "",
        }

    def _write_service(self, host: str) -> None:
        home = self._home(host)
        (home / "bin").mkdir()
        program = shlex.quote(str(home / "bin/amphv2-conductor"))
        text = _SERVICE.format(
            home=home, program=program, file=self.configuration(host)
        )
        (home / "service").write_text(text)
        (home / "service").chmod(0o755)

    def _write_inventory(self) -> None:
        """Write all variables in clear, the secrets in a vault."""
        hosts = {host: self._variables(host) for host in self.site.hosts}
        inventory = {"octavia": {"hosts": hosts, "vars": self._shared()}}
        (self.folder / "hosts.json").write_text(json.dumps(inventory))
        playbook.write_vault(self.folder, "octavia", self.secrets)

    def _shared(self) -> dict[str, Any]:
        options = self.site.configuration(self.site.hosts[0])
        octavia = {
            **{
                name: value
                for name, value in options["octavia"].items()
                # Without Octavia's Python no canary is sent: that takes long.
                if name not in _OF_A_HOST
            },
            "admin_connection": "{{ vault_admin }}",
            "persistence_connection": "{{ vault_octavia }}",
            "jobboard_backend_password": "{{ vault_redis }}",
        }
        task_flow = {
            **options["task_flow"],
            "persistence_connection": "{{ vault_engine }}",
        }
        config = {**options, "octavia": octavia, "task_flow": task_flow}
        del config["DEFAULT"]
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": str(self.folder / "remote"),
            "ansible_async_dir": str(self.folder / "async"),
            "ansible_become": False,
            "amphv2_bootstrap_config": config,
            "amphv2_bootstrap_package": self.requirement,
            "amphv2_bootstrap_python": str(self.python),
            "amphv2_bootstrap_timeout": 120,
            # Each look costs a Python that loads Ansible's modules.
            "amphv2_bootstrap_poll": 2,
        }

    def _variables(self, host: str) -> dict[str, Any]:
        home = self._home(host)
        options = self.site.configuration(host)
        return {
            "amphv2_bootstrap_venv": f"{home}/venv",
            "amphv2_bootstrap_link_folder": f"{home}/bin",
            "amphv2_bootstrap_config_file": str(self.configuration(host)),
            "amphv2_bootstrap_service_command": f"{home}/service",
            "amphv2_bootstrap_unit_folder": str(home),
            "amphv2_bootstrap_host_config": {
                "DEFAULT": {"state_path": f"{home}/state"},
                "octavia": {
                    "config_file": [options["octavia"]["config_file"]],
                    "restart_commands": [options["octavia"]["restart_commands"]],
                    "db_manage_command": options["octavia"]["db_manage_command"],
                },
            },
        }


def _ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()
