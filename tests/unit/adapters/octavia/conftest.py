# SPDX-License-Identifier: Apache-2.0
"""An octavia.conf, and a record of the starts of Octavia's Python."""

import json
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.spec.model import Value
from tests import DATA

PASSWORD = "p@s:w/o#r%d$x${y}"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A realistic file with options that need every escape."""
    options: dict[str, Value] = {
        "persistence_connection": f"mysql+pymysql://o:{PASSWORD}@db/p",
        "jobboard_enabled": True,
        "jobboard_backend_hosts": ("10.0.0.1", "fd00::2"),
        "jobboard_backend_port": 6380,
        "jobboard_backend_password": f' "{PASSWORD}" ',
        "jobboard_redis_backend_ssl_options": {"ssl": "True", "ssl_ca_certs": "/ca"},
    }
    rendered = {name: conf_file.render(value) for name, value in options.items()}
    path = tmp_path / "octavia.conf"
    text = (DATA / "octavia.conf").read_bytes()
    path.write_bytes(conf_file.set_options(text, "task_flow", rendered))
    return path


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions that started Octavia's Python."""
    asked: list[str] = []
    run = commands.run

    def noted(*args: Any, **options: Any) -> commands.Completed:
        asked.append(json.loads(options["stdin"])["ask"])
        return run(*args, **options)

    monkeypatch.setattr(commands, "run", noted)
    return asked


@pytest.fixture(autouse=True)
def without_python_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """With PYTHONPATH set, no environment has only one folder of packages."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
