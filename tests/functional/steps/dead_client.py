# SPDX-License-Identifier: Apache-2.0
"""Statements that the server carries out for a client that is dead.

As a program: one JSON object on stdin, the arguments of ``pymysql.connect`` and the
``statement`` to run.
"""

import json
import subprocess
import sys

import pymysql

from tests import REPOSITORY
from tests.functional.steps.target import DATABASE, PASSWORD
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until

ROOT, ACCOUNT = "root", "octavia"


def leave_behind(server: MariaDB, user: str, statement: str) -> None:
    """Have the server begin a statement, and kill its client by SIGKILL."""
    password = server.root_password if user == ROOT else PASSWORD
    place = {"host": server.host, "port": server.port, "database": DATABASE}
    client = subprocess.Popen(
        [sys.executable, "-m", "tests.functional.steps.dead_client"],
        stdin=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert client.stdin is not None
    login = {"user": user, "password": password}
    client.stdin.write(json.dumps({"statement": statement, **place, **login}))
    client.stdin.close()
    wait_until(
        lambda: runs(server, statement),
        what="the server has begun the statement",
        state=lambda: server.execute("SHOW FULL PROCESSLIST"),
    )
    client.kill()
    client.wait()


def runs(server: MariaDB, statement: str) -> bool:
    """Whether the server is at work on the statement."""
    return bool(
        server.execute(
            "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO = %s", (statement,)
        )
    )


def main() -> None:
    arguments = json.load(sys.stdin)
    statement = arguments.pop("statement")
    pymysql.connect(**arguments).cursor().execute(statement)


if __name__ == "__main__":
    main()
