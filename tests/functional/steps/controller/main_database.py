# SPDX-License-Identifier: Apache-2.0
"""Octavia's main database with the table of load balancers, as Octavia makes it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.functional.steps.target import PASSWORD
from tests.servers.mariadb import MariaDB
from tests.servers.octavia import find_octavia

_MADE: list[str] = []
"""The statement that makes the table; octavia-db-manage takes ten seconds."""


@dataclass
class MainDatabase:
    """Octavia's account may only read it."""

    server: MariaDB
    folder: Path

    def make(self) -> None:
        """Make database, table and account."""
        if not _MADE:
            self._by_octavia()
        else:
            self.server.execute("CREATE DATABASE octavia CHARACTER SET utf8mb3")
            self._run(_MADE[0])
        self.server.execute("CREATE USER octavia@'%%' IDENTIFIED BY %s", (PASSWORD,))
        self.server.execute("GRANT SELECT ON octavia.* TO octavia@'%'")

    def connection(self, port: int | None = None) -> str:
        """The URL in octavia.conf."""
        account = f"octavia:{quote(PASSWORD, safe='')}".replace("$", "$$")
        where = f"{self.server.host}:{port or self.server.port}"
        return f"mysql+pymysql://{account}@{where}/octavia"

    def add(
        self,
        name: str,
        status: str = "PENDING_CREATE",
        *,
        minutes: int = 0,
        provider: str = "amphora",
    ) -> None:
        """A load balancer the row of which was changed some minutes ago."""
        self._run(
            "INSERT INTO load_balancer (id, provisioning_status, operating_status, "
            "enabled, provider, created_at) VALUES (%s, %s, 'OFFLINE', 1, %s, "
            "UTC_TIMESTAMP() - INTERVAL %s MINUTE)",
            (name, status, provider, minutes),
        )

    def set(self, name: str, status: str) -> None:
        """Change its row, as Octavia does at the end and in the middle of its work."""
        self._run(
            "UPDATE load_balancer SET provisioning_status = %s, updated_at = "
            "UTC_TIMESTAMP() WHERE id = %s",
            (status, name),
        )

    def looks(self) -> int:
        """How often load balancers were read."""
        return sum("FROM load_balancer" in one for one in self.server.statements())

    def _by_octavia(self) -> None:
        self.server.execute("CREATE DATABASE octavia CHARACTER SET utf8mb3")
        conf = self.folder / "main.conf"
        conf.write_text(f"[database]\nconnection = {self.server.root_url}/octavia\n")
        program = find_octavia() / "bin" / "octavia-db-manage"
        argv = [str(program), "--config-file", str(conf), "upgrade", "head"]
        subprocess.run(argv, check=True, capture_output=True, timeout=300)
        _MADE.append(
            self.server.execute("SHOW CREATE TABLE octavia.load_balancer")[0][1]
        )

    def _run(self, sql: str, args: object = None) -> None:
        """Without the tables to which its foreign keys refer."""
        off = "SET SESSION foreign_key_checks = 0"
        self.server.execute(sql, args, database="octavia", init_command=off)
