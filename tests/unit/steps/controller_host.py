# SPDX-License-Identifier: Apache-2.0
"""A controller in a folder: octavia.conf, state and restart command."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings, Spec, Value
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.retry_policy import RetryPolicy
from tests import DATA

PASSWORD = "p@s:w/o#r%d$x"
SECRETS = {
    "persistence_password": PASSWORD,
    "jobboard_backend_password": "redis$s3cret",
}
REDIS: dict[str, Value] = {
    "jobboard_enabled": True,
    "jobboard_backend_driver": "redis_taskflow_driver",
    "jobboard_backend_hosts": ("10.0.0.1",),
    "jobboard_backend_port": 6379,
    "jobboard_backend_namespace": "octavia_jobboard",
    "jobboard_expiration_time": 100,
}


@dataclass
class Controller:
    """``seen`` is octavia.conf at each restart."""

    folder: Path
    task_flow: dict[str, Value] = field(default_factory=lambda: dict(REDIS))
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "etc").mkdir()
        (self.folder / "restarts").mkdir()
        self.conf.write_bytes((DATA / "octavia.conf").read_bytes())
        self.conf.chmod(0o640)

    @property
    def conf(self) -> Path:
        return self.folder / "etc" / "octavia.conf"

    @property
    def context(self) -> Context:
        spec = Spec(
            persistence=DatabaseUrl(
                "mysql+pymysql", "octavia", "db", 3306, "octavia_persistence"
            ),
            task_flow=self.task_flow,
            controllers=("c1",),
            secret_names=tuple(self.secrets),
        )
        copy = f'cp "{self.conf}" "$(mktemp {self.folder}/restarts/$(date +%s%N).XXXX)"'
        host = HostSettings(
            name="c1",
            state_path=str(self.folder / "var" / "state"),
            config_files=(str(self.conf),),
            admin=DatabaseUrl("mysql+pymysql", "root", "db"),
            db_manage_command=("no-such-octavia-db-manage",),
            services=("octavia-worker", "octavia-api"),
            restart_commands=(("sh", "-c", copy),),
        )
        return Context(
            spec=spec,
            host=replace(host, **self.settings),
            secrets=Secrets(self.secrets),
            retry=RetryPolicy(max_elapsed=0.0),
        )

    def sqlite(self, path: Path) -> Context:
        """The context of a target with a SQLite file."""
        spec = self.context.spec
        url = DatabaseUrl("sqlite", database=str(path))
        return replace(self.context, spec=replace(spec, persistence=url))

    def program(self, name: str, body: str, interpreter: str = "/bin/sh") -> str:
        """Make a program in the folder; its path."""
        path = self.folder / name
        path.write_text(f"#!{interpreter}\n{body}")
        path.chmod(0o755)
        return str(path)

    @property
    def marker(self) -> RestartMarker:
        return RestartMarker(self.context.host.state_path, str(self.conf))

    @property
    def seen(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.folder.glob("restarts/*"))]


def several_files(controller: Controller) -> list[Path]:
    """Give each service of the controller an octavia.conf of its own; the paths."""
    files = [
        controller.folder / name / "octavia.conf"
        for name in ("worker", "health-manager", "housekeeping")
    ]
    for file in files:
        file.parent.mkdir()
        file.write_bytes(controller.conf.read_bytes())
    controller.settings["config_files"] = tuple(map(str, files))
    return files
