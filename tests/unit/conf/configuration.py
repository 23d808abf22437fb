# SPDX-License-Identifier: Apache-2.0
"""Configuration files for tests: a good one, and changes to it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from amphv2_bootstrap.conf import load
from amphv2_bootstrap.conf.build import Loaded, build

SECRETS = ("adm1n-Sesame", "pers1st-Sesame", "b0ard-Sesame", "sent1nel-Sesame")
ADMIN, PERSISTENCE, BOARD, SENTINEL = SECRETS
Options = Mapping[str, Mapping[str, object]]


class Configuration:
    """A good configuration in a temporary folder, to which tests make changes.

    A change has options by group and name; None removes an option, and a list writes
    it once for each item.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "amphv2-bootstrap.conf"
        octavia = folder / "octavia.conf"
        octavia.write_text("[DEFAULT]\n")
        self.options: dict[str, dict[str, object]] = {
            "DEFAULT": {"host": "c1", "state_path": str(folder)},
            "octavia": {
                "config_file": str(octavia),
                "controllers": "c1,c2",
                "admin_connection": f"mysql+pymysql://root:{ADMIN}@db1/",
                "persistence_connection": (
                    f"mysql+pymysql://octavia:{PERSISTENCE}@db1/octavia_persistence"
                ),
                "jobboard_backend_hosts": "kv1",
                "jobboard_backend_password": BOARD,
            },
            "task_flow": {
                "persistence_connection": f"mysql+pymysql://me:{ADMIN}@db1/engine",
            },
        }

    def change(self, options: Options) -> "Configuration":
        for group, values in options.items():
            self.options.setdefault(group, {}).update(values)
        return self

    def text(self) -> str:
        lines: list[str] = []
        for group, values in self.options.items():
            lines.append(f"[{group}]")
            for name, value in values.items():
                for item in value if isinstance(value, list) else [value]:
                    if item is not None:
                        lines.append(f"{name} = {item}")
        return "\n".join(lines) + "\n"

    def build(self, controllers: Sequence[str] | None = None) -> Loaded:
        self.write(self.text())
        return build(
            load([], [str(self.path)]),
            controllers=controllers,
            find_python=lambda _: None,
        )

    def write(self, text: str) -> None:
        self.path.write_text(text)
        self.path.chmod(0o600)
