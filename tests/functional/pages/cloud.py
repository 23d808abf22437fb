# SPDX-License-Identifier: Apache-2.0
"""The cloud of the pages for beginners, before the first command is typed."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from amphv2_bootstrap.adapters.octavia import conf_file
from tests import DATA
from tests.functional.ansible_role.wheel import write_python, write_wheel
from tests.functional.pages.machine import Machine
from tests.functional.pages.page import Typed
from tests.functional.site import PASSWORD
from tests.servers.mariadb import MariaDB
from tests.servers.process import binary
from tests.servers.redis import RedisServer

_PLACE = "192.0.2.10"
OWN_PASSWORD = "AMPHV2_DBPASS"
# A build backend: "pip install ." gets the wheel that is there, and asks no index.
_BACKEND = """\
import pathlib, shutil

def build_wheel(folder, config_settings=None, metadata_directory=None):
    [wheel] = pathlib.Path({folder!r}).glob("*.whl")
    shutil.copy(wheel, folder)
    return wheel.name
"""
_PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
_DB_MANAGE = """\
#!{venv}/bin/python
import runpy, sys
sys.argv[0] = "{venv}/bin/octavia-db-manage"
runpy.run_path(sys.argv[0], run_name="__main__")
"""
_MYSQL = """\
#!/bin/sh
MYSQL_PWD={password} exec {program} --no-defaults --socket={socket} --user=root
"""
_TABLE = """\
CREATE TABLE octavia.load_balancer (id VARCHAR(36), provisioning_status VARCHAR(16),
 provider VARCHAR(64), updated_at DATETIME, created_at DATETIME)"""


@dataclass(frozen=True)
class Cloud:
    """A MariaDB with Octavia's main database, and a Redis."""

    mariadb: MariaDB
    redis: RedisServer
    octavia: Path
    folder: Path

    def make(self) -> None:
        """Make the main database with its accounts, and what the pages install."""
        sql = self.mariadb.execute
        sql("CREATE DATABASE octavia CHARACTER SET utf8mb3")
        sql(_TABLE)
        for host in ("localhost", "%"):
            sql("CREATE USER octavia@%s IDENTIFIED BY %s", (host, PASSWORD))
            sql("GRANT ALL PRIVILEGES ON octavia.* TO octavia@%s", (host,))
        write_wheel(self.folder)
        write_python(self.folder)

    def set_up(self, machine: Machine) -> None:
        """Write what a controller has, and where this test's programs are."""
        machine.write("/etc/octavia/octavia.conf", self._octavia_conf(), 0o640)
        programs = {
            "octavia-db-manage": _DB_MANAGE.format(venv=self.octavia),
            "python3": f'#!/bin/sh\nexec {self.folder}/python "$@"\n',
            "mysql": _MYSQL.format(
                password=shlex.quote(self.mariadb.root_password),
                program=binary("mariadb", "mysql"),
                socket=self.mariadb.socket,
            ),
        }
        for name, text in programs.items():
            machine.write(f"/usr/local/bin/{name}", text, 0o755)
        machine.write("/mnt/backend.py", _BACKEND.format(folder=str(self.folder)))
        machine.write("/mnt/pyproject.toml", _PROJECT)

    def type(self, machine: Machine, each: Typed, code: int | None = None) -> str:
        """Type a command, and compare what is shown with the page; return that.

        It must show no secret, and end with ``code``: by default with 0, or with that
        of a ``plan`` before the first job.
        """
        wanted = (4 if " plan" in each.command else 0) if code is None else code
        secrets = [self.mariadb.root_password, self.redis.password]
        if "[amphv2]" in "".join(each.shown):
            secrets.insert(1, OWN_PASSWORD)
        asked = [
            (question, answer.replace(_PLACE, "127.0.0.1"))
            for question, answer in each.answers(secrets)
        ]
        found, shown = machine.type(each.command, asked)
        assert found == wanted, f"{each.command}: {found}: {shown}"
        assert not [each for each in (*secrets, PASSWORD) if each in shown]
        missing = each.missing(shown)
        assert not missing, f"{each.command} doesn't show {missing[0]!r}: {shown}"
        return shown

    def _octavia_conf(self) -> str:
        account = f"octavia:{quote(PASSWORD, safe='')}".replace("$", "$$")
        place = f"{self.mariadb.host}:{self.mariadb.port}"
        url = {"connection": f"mysql+pymysql://{account}@{place}/octavia"}
        jobboard = {"jobboard_backend_port": str(self.redis.port)}
        groups: Mapping[str, Mapping[str, str]] = {
            "database": url,
            "task_flow": jobboard,
        }
        text = (DATA / "octavia.conf").read_bytes()
        for group, options in groups.items():
            text = conf_file.set_options(text, group, dict(options))
        return text.decode()
