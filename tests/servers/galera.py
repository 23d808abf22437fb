# SPDX-License-Identifier: Apache-2.0
"""A private Galera cluster of two nodes, both of which tests write to."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers.mariadb import MariaDB
from tests.servers.process import free_port, unavailable, wait_until

_PROVIDERS = [
    Path("/usr/lib/galera/libgalera_smm.so"),
    Path("/usr/lib64/galera-4/libgalera_smm.so"),
    Path("/usr/lib64/galera/libgalera_smm.so"),
]
# The second node begins with a copy of the first one's data, and only needs what was
# replicated since; this passes on that position. MariaDB's own scripts are part of
# packages with a service.
_TRANSFER = """\
#!/bin/sh
position="$(dirname "$0")/position"
while [ $# -gt 0 ]; do
    case "$1" in
        --role) role="$2" ;;
        --gtid) gtid="$2" ;;
    esac
    shift
done
if [ "$role" = donor ]; then
    echo "$gtid" >"$position.new" && mv "$position.new" "$position"
    echo "done $gtid"
else
    echo "ready 127.0.0.1:1/copied"
    until [ -e "$position" ]; do sleep 0.05; done
    cat "$position"
fi
"""
# A replicated row of this table is not applied while the node has the option's value.
_LAG = "default_week_format"
_LAG_TABLE = (
    "CREATE DATABASE IF NOT EXISTS lag",
    "CREATE TABLE IF NOT EXISTS lag.lag (id INT PRIMARY KEY AUTO_INCREMENT)",
    "CREATE TRIGGER IF NOT EXISTS lag.wait BEFORE INSERT ON lag.lag FOR EACH ROW"
    f" WHILE @@GLOBAL.{_LAG} = 7 DO DO SLEEP(0.02); END WHILE",
)


class Node(MariaDB):
    """A node of the cluster."""

    def status(self, name: str) -> str:
        """The value of a status variable."""
        return str(self.execute(f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1])

    def _answers(self) -> bool:
        return self.status("wsrep_ready") == "ON"

    def is_waiting(self) -> bool:
        """Whether a statement, other than of replication, takes longer than usual."""
        slow = "command = 'Query' AND time_ms > 300 AND db != 'lag'"
        query = f"SELECT 1 FROM information_schema.processlist WHERE {slow}"
        return bool(self.execute(query))


@dataclass(frozen=True, slots=True)
class Galera:
    """Two nodes; what one has committed is in the other one a moment later."""

    nodes: Sequence[Node]

    @contextlib.contextmanager
    def lagging(self) -> Iterator[None]:
        """Have the second node apply nothing from the first one, until the end.

        It certifies all the same; its own commits are ordered after the others, and
        so wait, unless they are refused.
        """
        first, second = self.nodes
        for statement in _LAG_TABLE:
            first.execute(statement)
        self.wait_until_in_step()
        second.execute(f"SET GLOBAL {_LAG} = 7, slave_run_triggers_for_rbr = ENFORCE")
        try:
            first.execute("INSERT INTO lag.lag VALUES ()")
            yield
        finally:
            second.execute(f"SET GLOBAL {_LAG} = 0")

    def clean(self) -> None:
        """Drop all databases and accounts except the servers' own."""
        self.nodes[0].clean()
        self.wait_until_in_step()

    def wait_until_in_step(self) -> None:
        """Return when each node has applied what the other has committed."""
        for node in self.nodes:
            wait = "SET SESSION wsrep_sync_wait = 1"
            node.execute("SELECT 1 FROM mysql.user", init_command=wait)


def _options(number: int, port: int, others: str) -> list[str]:
    provider = next((path for path in _PROVIDERS if path.exists()), None)
    if provider is None:
        unavailable("Galera is not installed (see bindep.txt)")
    own = {
        "gmcast.listen_addr": f"tcp://127.0.0.1:{port}",
        "ist.recv_addr": f"127.0.0.1:{free_port()}",
        "gcache.size": "16M",
        # A busy machine must not part the nodes.
        "evs.suspect_timeout": "PT60S",
        "evs.inactive_timeout": "PT90S",
    }
    return [
        "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2",
        "--wsrep-on=ON",
        f"--wsrep-provider={provider}",
        f"--wsrep-cluster-address=gcomm://{others}",
        "--wsrep-cluster-name=amphv2_test",
        f"--wsrep-node-name=node{number}",
        "--wsrep-node-address=127.0.0.1",
        "--wsrep-sst-method=copied",
        "--wsrep-provider-options=" + ";".join(f"{k}={v}" for k, v in own.items()),
    ]


def _transfer(folder: Path) -> dict[str, str]:
    """The environment in which the servers find the script."""
    script = folder / "wsrep_sst_copied"
    script.write_text(_TRANSFER)
    script.chmod(0o700)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@contextlib.contextmanager
def running_galera() -> Iterator[Galera]:
    """A cluster of its own."""
    with (
        # The path of a socket must be short.
        tempfile.TemporaryDirectory(
            prefix="galera-", ignore_cleanup_errors=True
        ) as name,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        env: dict[str, Any] = {"env": _transfer(folder)}
        (folder / "1").mkdir()
        port = free_port()
        first = Node(folder / "1", *_options(1, port, ""), **env)
        stack.callback(first.stop)
        first.install()
        first.stop()
        shutil.copytree(folder / "1" / "data", folder / "2" / "data")
        (folder / "2" / "tmp").mkdir()
        first.start()
        others = f"127.0.0.1:{port}"
        second = Node(folder / "2", *_options(2, free_port(), others), **env)
        stack.callback(second.stop)
        second.start()
        wait_until(
            lambda: first.status("wsrep_local_state_comment") == "Synced",
            what="the nodes are in step",
        )
        yield Galera([first, second])


@pytest.fixture(scope="session")
def galera_cluster() -> Iterator[Galera]:
    """One cluster for the whole session; tests take ``galera``."""
    with running_galera() as cluster:
        yield cluster


@pytest.fixture
def galera(galera_cluster: Galera) -> Iterator[Galera]:
    """The session's cluster, without databases and accounts of other tests."""
    galera_cluster.clean()
    yield galera_cluster
    galera_cluster.clean()
