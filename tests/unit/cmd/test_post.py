# SPDX-License-Identifier: Apache-2.0
"""Who posts a job."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from amphv2_bootstrap.cmd.post import user_name

_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")


def test_a_user_without_a_name_is_told_by_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a container there may be neither an entry nor a variable."""

    def unknown(_: int) -> None:
        raise KeyError

    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert user_name() == f"uid{os.getuid()}"


_CONFIGURATION = """\
[DEFAULT]
host = ctl1
state_path = {folder}
[octavia]
config_file = {folder}/octavia.conf
controllers = ctl1
admin_connection = mysql+pymysql://root:no-such-word@127.0.0.1/
persistence_connection = mysql+pymysql://o:no-such-word@127.0.0.1/octavia_persistence
jobboard_backend_hosts = 127.0.0.1
"""
_UNUSED = ("engine.runner", "tasks.base", "adapters.mysql", "flows.bootstrap")
_POST = """\
import sys
from amphv2_bootstrap.cmd.main import main
code = main(["--config-file", sys.argv[1], "post-job"])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


def test_a_post_loads_only_what_it_uses(tmp_path: Path) -> None:
    """No engine, no task, and none of the large libraries that these need."""
    (tmp_path / "octavia.conf").touch()
    config = tmp_path / "amphv2-bootstrap.conf"
    config.touch(mode=0o600)
    config.write_text(_CONFIGURATION.format(folder=tmp_path))
    argv = [sys.executable, "-c", _POST, str(config)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    assert "amphv2_bootstrap.posting.poster" in loaded
    for name in ("networkx", "jsonschema", "taskflow.engines", "redis", "kazoo"):
        assert name not in loaded
    assert not {f"amphv2_bootstrap.{name}" for name in _UNUSED} & loaded
