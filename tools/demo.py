# SPDX-License-Identifier: Apache-2.0
"""The demonstration; run it with demo.sh, which prepares what it needs."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from demo_servers import (
    PATIENCE,
    DemoError,
    free_port,
    mariadb_at,
    redis_at,
    run,
    stop,
)
from interruption import InterruptionError, heed, note_signals

from amphv2_bootstrap.cmd.output.timeline import Timeline
from amphv2_bootstrap.engine.description.report import describe
from amphv2_bootstrap.engine.errors import SchemaError
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.store import Store

REPO = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
OCTAVIA_BIN = Path(os.environ["AMPHV2_OCTAVIA_VENV"]) / "bin"
HOSTS = ("ctl1", "ctl2")
ROOT_PASSWORD = "r00t-of-the-demo"
DATABASE_PASSWORD = "p@ss:w/o#r%d$1"
REDIS_PASSWORD = "red!s-of-the-demo"
SECRETS = (ROOT_PASSWORD, DATABASE_PASSWORD, REDIS_PASSWORD)
STEP = "upgrade-persistence-schema"

CONFIGURATION = """\
[DEFAULT]
host = {host}
state_path = {home}/state

[task_flow]
# The default: a SQLite file and the jobboard in it. The two hosts of this demo are one
# machine and share the file; real hosts share a MariaDB.
persistence_connection = sqlite:///{folder}/engine.sqlite

[octavia]
config_file = {home}/octavia.conf
controllers = ctl1, ctl2
admin_connection = mysql+pymysql://root:{root}@127.0.0.1:{mariadb}/
persistence_connection = mysql+pymysql://octavia:{password}@127.0.0.1:{mariadb}/octavia_persistence
jobboard_backend_driver = redis_taskflow_driver
jobboard_backend_hosts = 127.0.0.1
jobboard_backend_port = {redis}
jobboard_backend_password = {redis_password}
jobboard_expiration_time = 100
db_manage_command = {octavia}/octavia-db-manage
services =
"""


def main() -> int:
    """Play the demo; 0 if it succeeded.

    SIGTERM, SIGINT and SIGHUP end it early; it still stops all that it started.
    """
    note_signals()
    folder = Path(tempfile.mkdtemp(prefix="amphv2-demo-"))
    started = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            demo = Demo(folder, stack)
            demo.play()
    except InterruptionError as exc:
        print(f"\nThe demo was {exc}. Nothing is left running.", file=sys.stderr)
        return 128 + exc.number
    except DemoError as exc:
        print(f"\nThe demo failed: {masked(str(exc))[-3000:]}", file=sys.stderr)
        for log in sorted(folder.glob("*/conductor.log")):
            print(f"--- {log}\n{masked(log.read_text())[-4000:]}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    took = time.monotonic() - started
    print(f"\nDone in {took:.0f} s. Nothing is left running; {folder} is removed.")
    return 0


class Demo:
    """The cloud, its two hosts, and the scenes that play on them."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.mariadb, self.redis = free_port(), free_port()
        self.conductors: dict[str, subprocess.Popen[bytes]] = {}
        self.store = Store(Database(f"sqlite:///{folder}/engine.sqlite"))

    def play(self) -> None:
        say("1. A cloud with an Octavia that has no jobboard")
        self.start_cloud()
        say("2. A conductor starts on each of its two controllers")
        for host in HOSTS:
            self.start_conductor(host)
        say("3. The operator posts the bootstrap")
        self.cli("post-job")
        victim = self.kill_holder()
        other = next(host for host in HOSTS if host != victim)
        say(f"5. {other} takes over the flow, then runs its own")
        self.wait(
            lambda: self.flow_state("controller", other) == "done", f"{other} is done"
        )
        say(f"6. {victim} comes back: its own flow has waited for it")
        self.start_conductor(victim)
        self.wait(lambda: self.report()["state"] == "done", "the job is done")
        self.show_result(victim)

    def start_cloud(self) -> None:
        mariadb, redis = self.folder / "mariadb", self.folder / "redis"
        self.stack.enter_context(mariadb_at(mariadb, self.mariadb, ROOT_PASSWORD))
        self.stack.enter_context(redis_at(redis, self.redis, REDIS_PASSWORD))
        self.stack.callback(lambda: stop(*self.conductors.values()))
        for host in HOSTS:
            home = self.folder / host
            home.mkdir()
            source = REPO / "tests" / "data" / "octavia.conf"
            (home / "octavia.conf").write_bytes(source.read_bytes())
            self.write_configuration(host, home)
        print(f"MariaDB on port {self.mariadb}, Redis on port {self.redis} (password),")
        print(f"octavia.conf of ctl1 and ctl2 under {self.folder}")

    def write_configuration(self, host: str, home: Path) -> None:
        path = home / "amphv2-bootstrap.conf"
        path.touch(mode=0o600)
        path.write_text(
            CONFIGURATION.format(
                host=host,
                home=home,
                folder=self.folder,
                root=quote(ROOT_PASSWORD, safe=""),
                password=quote(DATABASE_PASSWORD, safe=""),
                redis_password=REDIS_PASSWORD,
                mariadb=self.mariadb,
                redis=self.redis,
                octavia=OCTAVIA_BIN,
            )
        )

    def start_conductor(self, host: str) -> None:
        home = self.folder / host
        with (home / "conductor.log").open("ab") as log:
            self.conductors[host] = subprocess.Popen(
                [
                    str(BIN / "amphv2-conductor"),
                    "--config-file",
                    str(home / "amphv2-bootstrap.conf"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        print(f"conductor of {host}: pid {self.conductors[host].pid}")

    def cli(self, *arguments: str) -> None:
        config = self.folder / HOSTS[0] / "amphv2-bootstrap.conf"
        argv = [str(BIN / "amphv2-bootstrap"), "--config-file", str(config)]
        print(f"$ amphv2-bootstrap {' '.join(arguments)}", flush=True)
        done = subprocess.run(
            [*argv, *arguments], check=False, stdin=subprocess.DEVNULL
        )
        heed()
        if done.returncode:
            raise DemoError(f"{arguments[0]} exited {done.returncode}")

    def kill_holder(self) -> str:
        """Send SIGKILL to the conductor that is upgrading the schema; its host."""
        found: list[str] = []

        def in_the_middle() -> bool:
            found[:] = [
                str(step["host"])
                for step in self.steps("cloud")
                if step["name"] == STEP and step["state"] == "RUNNING"
            ]
            return bool(found)

        self.wait(in_the_middle, f"a conductor is in the step {STEP}")
        victim = found[0]
        process = self.conductors.pop(victim)
        process.kill()
        process.wait()
        say(f"4. {victim} runs {STEP}: SIGKILL to its conductor, pid {process.pid}")
        return victim

    def report(self) -> dict[str, object] | dict[str, str]:
        try:
            return describe(self.store, self.store.resolve(None))
        except SchemaError:
            return {"state": "not posted", "flows": []}

    def flows(self) -> list[dict[str, object]]:
        flows = self.report()["flows"]
        assert isinstance(flows, list)
        return flows

    def steps(self, flow: str) -> list[dict[str, object]]:
        return [
            step
            for each in self.flows()
            if each["name"] == flow and isinstance(each["tasks"], list)
            for step in each["tasks"]
        ]

    def flow_state(self, name: str, host: str) -> object:
        states = [
            flow["state"]
            for flow in self.flows()
            if flow["name"] == name and flow["host"] == host
        ]
        return states[0] if states else None

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            heed()
            if time.monotonic() > deadline:
                raise DemoError(f"waited {PATIENCE:.0f} s in vain until {what}")
            if any(flow["state"] == "parked" for flow in self.flows()):
                raise DemoError(f"a flow was parked: {self.flows()}")
            time.sleep(0.01)

    def show_result(self, victim: str) -> None:
        say("7. The timeline: each step ran once, the interrupted one twice")
        print(Timeline(self.flows()).human_readable())
        runs = {str(step["name"]): step["runs"] for step in self.steps("cloud")}
        if runs.pop(STEP) != 2 or set(runs.values()) != {1}:
            raise DemoError(
                f"{STEP} must run twice and all other steps once, but they ran: {runs}"
            )
        say(f"8. [task_flow] of {victim}, secrets masked")
        print(section(self.folder / victim / "octavia.conf", "task_flow"))
        say("9. Octavia itself loads it")
        for host in HOSTS:
            self.ask_octavia(host)

    def ask_octavia(self, host: str) -> None:
        """Run Octavia's own configuration code, drivers and octavia-db-manage."""
        config = str(self.folder / host / "octavia.conf")
        said = masked(run(f"{OCTAVIA_BIN}/python", "-c", ASK, config).strip())
        print(f"{host}: Octavia's configuration and drivers: {said}")
        arguments = "--config-file", config, "upgrade_persistence"
        run(f"{OCTAVIA_BIN}/octavia-db-manage", *arguments)
        print(f"{host}: octavia-db-manage upgrade_persistence: exit code 0")


# Uses what octavia-worker uses: its options, persistence and jobboard drivers.
ASK = """
import sys, warnings
warnings.simplefilter('ignore')
from octavia.common import config
from octavia.controller.worker.v2 import taskflow_jobboard_driver as driver
config.init(['--config-file', sys.argv[1]])
tf = config.cfg.CONF.task_flow
persistence = driver.MysqlPersistenceDriver()
with persistence.get_persistence() as backend:
    with driver.RedisTaskFlowDriver(persistence).job_board(backend) as board:
        print('jobboard enabled=%s, %s, connected=%s, jobs=%d; persistence connected'
              % (tf.jobboard_enabled, tf.jobboard_backend_driver, board.connected,
                 board.job_count))
"""


def section(path: Path, name: str) -> str:
    """The lines of a section without comments, masked."""
    lines, inside = [], False
    for line in path.read_text().splitlines():
        if line.startswith("["):
            inside = line.strip() == f"[{name}]"
        if inside and line.strip() and not line.lstrip().startswith("#"):
            lines.append(masked(line))
    return "\n".join(lines)


def masked(text: str) -> str:
    """The text without passwords, in each of their spellings."""
    for secret in SECRETS:
        for spelling in (quote(secret, safe=""), secret.replace("$", "$$"), secret):
            text = text.replace(spelling, "***")
    return re.sub(r"(://[^:/@\s]+:)[^@\s]+@", r"\1***@", text)


def say(text: str) -> None:
    """Print the heading of a chapter."""
    heed()
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
