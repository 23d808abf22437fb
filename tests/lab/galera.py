# SPDX-License-Identifier: Apache-2.0
"""A Galera node on each host, and the load balancer before them."""

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from tests.lab.key_value import METRICS_PORT
from tests.lab.machine import Machine
from tests.servers.certificates import Tls
from tests.servers.mariadb import ROOT_PASSWORD, MariaDB, tls_options
from tests.servers.process import binary, unavailable

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
CHECK = "tests.lab.galera_check"
CHECK_PORT = 9200
ENGINE_PASSWORD = "engine-p@ss:w/o#r%d$2"
# As Debian's service does: a node that lost its power knows its position only from its
# tables. Without it the node would ask for a copy of everything.
_START = """\
position=$("$@" --wsrep-recover --disable-log-error 2>&1 |
    sed -n 's/.*Recovered position: *//p' | tail -n 1)
case $position in
    "" | 00000000-*) exec "$@" ;;
    *) exec "$@" "--wsrep-start-position=$position" ;;
esac
"""
PROXY = Path(__file__).with_name("haproxy.cfg")
"""The load balancer's configuration, which doc/source/high-availability.rst shows."""
_CHECK = "GET /health\n    default-server inter"
_CLOSES = " on-marked-up shutdown-backup-sessions"


def make_template(folder: Path, *, tls: bool = False) -> None:
    """Make the data folder with which every node begins.

    :param tls: whether accounts demand a client certificate.
    """
    if not PROVIDER.exists():
        unavailable(f"{PROVIDER} is not there: install galera-4 (see bindep.txt)")
    with tempfile.TemporaryDirectory(prefix="mariadb-") as temporary:
        server = MariaDB(Path(temporary))
        try:
            server.install()
            for sql, args in _accounts("REQUIRE X509" if tls else ""):
                server.execute(sql, args)
        finally:
            server.stop()
        shutil.copytree(Path(temporary) / "data", folder)


def _accounts(demand: str) -> list[tuple[str, Any]]:
    account, password = "amphv2@'%%'", (ENGINE_PASSWORD,)
    return [
        (f"CREATE USER root@'%%' IDENTIFIED BY %s {demand}", (ROOT_PASSWORD,)),
        ("GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION", None),
        ("CREATE DATABASE amphv2_engine CHARACTER SET utf8mb4", None),
        (f"CREATE USER {account} IDENTIFIED BY %s {demand}", password),
        ("GRANT ALL ON amphv2_engine.* TO amphv2@'%'", None),
    ]


@dataclass(frozen=True)
class Node:
    """The database server of one host; ``peers`` are all addresses.

    With ``tls`` it offers that to clients, and speaks nothing else with the others.
    """

    name: str
    address: str
    folder: Path
    peers: Sequence[str]
    tls: Tls | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "mysql.sock"

    def install(self, template: Path) -> None:
        """Copy the template."""
        shutil.copytree(template, self.folder / "data")
        (self.folder / "tmp").mkdir()

    def argv(self, *, first: bool = False) -> list[str]:
        """The command; ``first`` begins the cluster anew."""
        begin = ("--wsrep-new-cluster",) if first else ()
        return ["sh", "-c", _START, "mariadbd", *self._command(), *begin]

    def allow_first(self) -> None:
        """Let this node begin the cluster, though it went down with others."""
        data = self.folder / "data"
        state = data / "grastate.dat"
        allowed = state.read_text().replace("bootstrap: 0", "bootstrap: 1")
        state.write_text(allowed)
        (data / "gvwstate.dat").unlink(missing_ok=True)

    def _command(self) -> list[str]:
        provider = (
            f"base_dir={self.folder / 'data'};gcache.size=32M;"
            f"gmcast.listen_addr=tcp://{self.address}:4567"
        )
        if self.tls:
            pair = self.tls.server
            provider += (
                f";socket.ssl_ca={self.tls.authority.file}"
                f";socket.ssl_cert={pair.certificate};socket.ssl_key={pair.key}"
            )
        return [
            binary("mariadbd"),
            "--no-defaults",
            "--user=root",
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self.folder / 'tmp'}",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'mysql.pid'}",
            f"--bind-address={self.address}",
            "--port=3306",
            "--skip-name-resolve",
            "--binlog-format=ROW",
            "--default-storage-engine=InnoDB",
            "--innodb-autoinc-lock-mode=2",
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            "--performance-schema=0",
            "--wsrep-on=ON",
            f"--wsrep-provider={PROVIDER}",
            "--wsrep-cluster-name=lab",
            f"--wsrep-cluster-address=gcomm://{','.join(self.peers)}",
            f"--wsrep-node-address={self.address}",
            f"--wsrep-node-name={self.name}",
            "--wsrep-sst-method=lab",
            f"--wsrep-provider-options={provider}",
            *(tls_options(self.tls.authority, self.tls.server) if self.tls else ()),
        ]

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement as the administrator, through the socket."""
        connection = pymysql.connect(
            unix_socket=str(self.socket),
            user="root",
            password=ROOT_PASSWORD,
            autocommit=True,
            connect_timeout=5,
            read_timeout=10,
        )
        with contextlib.closing(connection):
            cursor = connection.cursor()
            cursor.execute(sql)
            return list(cursor.fetchall())

    @property
    def is_synced(self) -> bool:
        """Whether it is a whole member of a cluster that may write."""
        try:
            found = dict(self.execute("SHOW STATUS LIKE 'wsrep_%'"))
        except (pymysql.Error, OSError):
            return False
        return (found.get("wsrep_local_state"), found.get("wsrep_ready")) == ("4", "ON")

    @property
    def is_written_to(self) -> bool:
        """Whether conductors are connected to it."""
        sessions = "SELECT 1 FROM information_schema.processlist WHERE user = 'amphv2'"
        return bool(self.execute(sessions))

    def position(self, machine: Machine) -> int:
        """The last transaction of a stopped node, as its tables know it."""
        argv = machine.inside(
            [*self._command(), "--wsrep-recover", "--disable-log-error"]
        )
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=60, check=False
        )
        found = re.findall(r"Recovered position: *[0-9a-f-]{36}:(-?\d+)", done.stderr)
        assert found, done.stderr
        return int(found[-1])


def proxy_configuration(fail_back_closes: bool, *, tls: bool = False) -> str:
    """haproxy.cfg, the same on every host.

    :param fail_back_closes: whether sessions at a stand-in end when the first server
        comes back; without this, two nodes are written to.
    :param tls: whether etcd asks for a certificate, which a check doesn't have.
    """
    text = PROXY.read_text()
    assert _CLOSES in text
    assert _CHECK in text
    if tls:
        checked = f"default-server port {METRICS_PORT} inter"
        text = text.replace(_CHECK, _CHECK.replace("default-server inter", checked))
    return text if fail_back_closes else text.replace(_CLOSES, "")
