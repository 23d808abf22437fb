# SPDX-License-Identifier: Apache-2.0
"""A virtual environment in a folder, with the packages that a test puts there."""

import json
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

_MIGRATIONS = "taskflow/persistence/backends/sqlalchemy/alembic/versions"


@dataclass
class Environment:
    """It has only the files that our code reads, and a working python."""

    folder: Path

    def __post_init__(self) -> None:
        self.site.mkdir(parents=True)
        home = f"home = {sys.base_prefix}/bin\n"
        self.settings.write_text(f"{home}include-system-site-packages = false\n")
        (self.folder / "bin").mkdir()
        Path(self.python).symlink_to(sys.executable)

    @property
    def settings(self) -> Path:
        return self.folder / "pyvenv.cfg"

    @property
    def site(self) -> Path:
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        return self.folder / "lib" / version / "site-packages"

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def add_octavia(self, version: str, *, editable: bool = False) -> None:
        """Add the metadata of Octavia and its libraries."""
        self.add_package("octavia", version, editable=editable)
        for name in ("taskflow", "oslo.config"):
            self.add_package(name, version)

    def add_package(self, name: str, version: str, *, editable: bool = False) -> None:
        """Add the metadata that pip writes, without the package."""
        folder = self.site / f"{name.replace('.', '_')}-{version}.dist-info"
        folder.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (folder / "METADATA").write_text(text)
        origin = {"url": "file:///src", "dir_info": {"editable": editable}}
        (folder / "direct_url.json").write_text(json.dumps(origin))

    def add_providers(self, **modules: str) -> None:
        """Let Octavia have these provider drivers, of modules of amphora_driver."""
        (folder,) = self.site.glob("octavia-*.dist-info")
        lines = [
            f"{name} = octavia.api.drivers.amphora_driver.{module}.driver:Driver\n"
            for name, module in modules.items()
        ]
        text = "".join(("[octavia.api.drivers]\n", *lines))
        (folder / "entry_points.txt").write_text(text)

    def add_module(self, path: str, source: str) -> None:
        """Add a module, which can import the libraries of the tests."""
        file = self.site / path
        file.parent.mkdir(parents=True)
        file.write_text(source)
        (self.site / "others.pth").write_text(sysconfig.get_path("purelib"))

    def add_migration(self, name: str, source: str) -> None:
        """Add a migration of taskflow."""
        folder = self.site / _MIGRATIONS
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.py").write_text(source)
