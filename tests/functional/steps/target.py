# SPDX-License-Identifier: Apache-2.0
"""The target cloud of the steps that use its database."""

import stat
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings, Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.base import Context, Step, StepResult
from amphv2_bootstrap.steps.retry_policy import RetryPolicy
from tests.servers.mariadb import MariaDB

PASSWORD = "p@s:s/w#o%r$d'\\\"x"
DATABASE = "octavia_persistence"

_READS = ("SELECT ", "SHOW ", "SET NAMES", "SET SESSION ")


@dataclass
class Target:
    """One controller of a cloud with the database server ``mariadb``."""

    mariadb: MariaDB
    folder: Path
    db_manage: tuple[str, ...] = ("/nonexistent/octavia-db-manage",)
    password: str = PASSWORD
    database: str = DATABASE
    grant_hosts: tuple[str, ...] = ("localhost", "%")
    admin: str = "root"
    admin_password: str | None = None
    timeout: float = 120.0
    octavia_python: str | None = None
    query: dict[str, str] = field(default_factory=dict)

    @property
    def state_path(self) -> Path:
        return self.folder / "state"

    def context(self, *, patience: float = 0.0) -> Context:
        server = self.mariadb
        config = self.folder / "octavia.conf"
        config.write_text(
            "[DEFAULT]\n# kept\ngraceful_shutdown_timeout = 600\n"
            "[task_flow]\njobboard_enabled = False\n"
        )
        return Context(
            Spec(
                persistence=DatabaseUrl(
                    "mysql+pymysql",
                    "octavia",
                    server.host,
                    server.port,
                    self.database,
                    self.query,
                ),
                task_flow={
                    "jobboard_backend_driver": "redis_taskflow_driver",
                    "jobboard_backend_hosts": ("127.0.0.1",),
                    "jobboard_backend_port": 6379,
                },
                controllers=("controller1",),
                grant_hosts=self.grant_hosts,
            ),
            HostSettings(
                name="controller1",
                state_path=str(self.state_path),
                config_files=(str(config),),
                admin=DatabaseUrl(
                    "mysql+pymysql", self.admin, server.host, server.port
                ),
                db_manage_command=self.db_manage,
                db_manage_timeout=self.timeout,
                octavia_python=self.octavia_python,
            ),
            Secrets(
                {
                    "admin_password": self.admin_password or server.root_password,
                    "persistence_password": self.password,
                }
            ),
            retry=RetryPolicy(max_elapsed=patience),
        )

    def sqlite(self, path: Path) -> Context:
        """The context of a target with a SQLite file."""
        context = self.context()
        url = DatabaseUrl("sqlite", database=str(path))
        return replace(context, spec=replace(context.spec, persistence=url))


def result_of(step: Step) -> StepResult:
    """Run the step as an engine does."""
    return StepResult.from_dict(step.execute())


def at_once(count: int, make: Callable[[], Step]) -> list[StepResult]:
    """Run so many steps at the same time; each must succeed."""
    with ThreadPoolExecutor(count) as pool:
        running = [pool.submit(lambda: result_of(make())) for _ in range(count)]
        return [each.result() for each in running]


def writes(statements: Sequence[str]) -> list[str]:
    """The statements that do more than read."""
    return [one for one in statements if not one.lstrip().startswith(_READS)]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
