# SPDX-License-Identifier: Apache-2.0
"""``post-job``: the poster's name, and the libraries that it loads."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from amphv2_bootstrap.cmd.main import main
from amphv2_bootstrap.cmd.post import user_name
from amphv2_bootstrap.cmd.runtime import Runtime
from amphv2_bootstrap.conf.build import build
from amphv2_bootstrap.conf.loading import load
from amphv2_bootstrap.engine.storage.host_reports import UNREADABLE
from tests.unit.cmd.smallest import write_configuration

_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")


def test_a_user_without_a_name_has_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without an entry and a variable, as in a container, the poster is ``uidN``."""

    def unknown(_: int) -> None:
        raise KeyError

    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert user_name() == f"uid{os.getuid()}"


_UNUSED = (
    "engine.execution.runner",
    "steps.base",
    "adapters.mysql.sessions",
    "flows.cloud",
)
_LARGE = ("networkx", "jsonschema", "taskflow.engines", "redis", "kazoo", "etcd3gw")
_REDIS = """
[task_flow]
jobboard_backend_driver = redis_taskflow_driver
jobboard_backend_hosts = 127.0.0.1
"""
_POST = """\
import pathlib, sys
from amphv2_bootstrap.cmd.main import main
config, *missing = sys.argv[1:]
sys.modules.update(dict.fromkeys(missing))  # can't be imported
code = main(["--config-file", config, "post-job"])
pathlib.Path(config).with_name("loaded").write_text("\\n".join(sys.modules))
sys.exit(code)
"""


def _post(folder: Path, more: str = "", *missing: str) -> tuple[int, str]:
    """Post by a process without some libraries; its exit code and stderr."""
    config = write_configuration(folder, more)
    argv = [sys.executable, "-c", _POST, str(config), *missing]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_a_post_loads_only_what_it_uses(tmp_path: Path) -> None:
    """A post loads no runner, no step, and none of their large libraries."""
    code, stderr = _post(tmp_path)
    assert code == 0, stderr
    loaded = set((tmp_path / "loaded").read_text().split())
    assert "amphv2_bootstrap.posting.poster" in loaded
    assert not {f"amphv2_bootstrap.{name}" for name in _UNUSED} & loaded
    assert not set(_LARGE) & loaded


def test_nothing_is_posted_without_the_boards_library(tmp_path: Path) -> None:
    """The error says what to install; nothing is written."""
    code, stderr = _post(tmp_path, _REDIS, "redis")
    assert code == 1, stderr
    assert "amphv2-bootstrap[redis]" in stderr
    assert "posted" not in stderr
    code, stderr = _post(tmp_path)
    assert " posted." in stderr


def test_what_another_controller_would_fail_on_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its report, before the cloud is changed; this host's own flow looks itself."""
    config = write_configuration(tmp_path, controllers="ctl1, ctl2, ctl3")
    runtime = Runtime(build(load([], [str(config)]), find_python=lambda _: None))
    assert runtime.store  # makes the tables
    mounted = {"config_file": "/etc/o.conf", "irreplaceable": "it is a mount"}
    for host, content in (
        ("ctl1", mounted),
        ("ctl2", mounted),
        ("ctl3", {UNREADABLE: "line 7 can't be parsed"}),
    ):
        runtime.reports.publish(host, f"{host}/1", "1.0", content)
    main(["--config-file", str(config), "post-job"])
    said = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.startswith("WARNING: ") and " ctl" in line
    ]
    assert len(said) == 2
    assert "the configuration of ctl3 isn't known: line 7" in said[0]
    assert "/etc/o.conf on ctl2 can't be replaced: it is a mount" in said[1]
