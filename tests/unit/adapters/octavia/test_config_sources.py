# SPDX-License-Identifier: Apache-2.0
"""The order in which Octavia's files are loaded, compared with oslo.config's own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.octavia.config_sources import (
    FILE,
    FOLDER,
    arguments,
    brokers,
    is_loaded,
    load_order,
)
from amphv2_bootstrap.adapters.octavia.programs.options import files_of
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings
from tests.unit.adapters.host import systemctl

# A service that prints the order in which its files were loaded.
_SERVICE = """
import json, sys
from oslo_config import cfg
conf = cfg.ConfigOpts()
conf.register_opts([cfg.MultiStrOpt("all", default=[]), cfg.StrOpt("one")])
conf(sys.argv[1:], project="octavia", prog="octavia-worker", use_env=False)
print(json.dumps([conf.all, conf.one]))
"""
_FILES = (
    "octavia/octavia.conf",
    "octavia/octavia-worker.conf",
    "octavia/octavia.conf.d/10.conf",
    "octavia/octavia.conf.d/20.conf",
    "octavia-worker.conf.d/30.conf",
    "more/40.conf",
)


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A home folder; to oslo.config, its ``.octavia`` is like /etc/octavia."""
    for name in _FILES:
        path = tmp_path / name.replace("octavia/", ".octavia/", 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[DEFAULT]\nall = {path}\none = {path}\n")
    return tmp_path


def _by_oslo_config(etc: Path, arguments: list[str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _SERVICE, *arguments],
        env={**os.environ, "HOME": str(etc)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: list[str]
    found, winner = json.loads(done.stdout)
    assert winner == found[-1]
    return found


MAIN, MORE = ".octavia/octavia.conf", "more"


@pytest.mark.parametrize(
    "stated",
    [
        (),
        ((FILE, MAIN),),
        ((FILE, MAIN), (FOLDER, MORE)),
        ((FOLDER, MORE), (FILE, MAIN)),
        ((FOLDER, MORE),),
        ((FILE, "more/40.conf"), (FILE, MAIN)),
        ((FILE, MAIN), (FOLDER, ".octavia/octavia.conf.d"), (FOLDER, MORE)),
    ],
)
def test_the_order_is_oslo_configs(
    stated: tuple[tuple[str, str], ...], etc: Path
) -> None:
    """For each way to start a service, our order is that of oslo.config."""
    pairs = [(kind, str(etc / path)) for kind, path in stated]
    theirs = _by_oslo_config(etc, [word for pair in pairs for word in pair])
    assert theirs
    folders = (str(etc / ".octavia"), str(etc))
    ours = load_order(str(etc / MAIN), pairs, folders)
    assert list(files_of(ours)) == theirs


def test_a_file_elsewhere_is_assumed_to_be_an_argument(etc: Path) -> None:
    """A file that no default finds must be an argument of the service."""
    found = load_order(str(etc / "more/40.conf"), (), (str(etc / ".octavia"), str(etc)))
    theirs = _by_oslo_config(etc, [FILE, str(etc / "more/40.conf")])
    assert list(files_of(found)) == theirs


def test_a_written_file_must_be_loaded(etc: Path) -> None:
    """A service loads a file by name or from a folder."""
    file = str(etc / "more/40.conf")
    assert is_loaded(file, ((FILE, file),))
    assert is_loaded(file, ((FOLDER, str(etc / "more")),))
    assert not is_loaded(file, ((FILE, str(etc / MAIN)),))


RDO = (
    "/usr/bin/octavia-worker --config-file /usr/share/octavia/octavia-dist.conf "
    "--config-file /etc/octavia/octavia.conf --config-dir /etc/octavia/conf.d/common "
    "--config-dir /etc/octavia/conf.d/octavia-worker --log-file /var/log/worker.log"
)
DEBIAN = "/usr/bin/octavia-worker --config-file=/etc/octavia/octavia.conf"


def _host(**settings: Any) -> HostSettings:
    return HostSettings(
        name="ctl1",
        state_path="/nonexistent",
        config_files=("/etc/octavia/octavia.conf",),
        admin=DatabaseUrl("sqlite"),
        db_manage_command=("octavia-db-manage",),
        services=("octavia-api", "octavia-worker"),
        **settings,
    )


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (
            RDO,
            (
                (FILE, "/usr/share/octavia/octavia-dist.conf"),
                (FILE, "/etc/octavia/octavia.conf"),
                (FOLDER, "/etc/octavia/conf.d/common"),
                (FOLDER, "/etc/octavia/conf.d/octavia-worker"),
            ),
        ),
        (DEBIAN, ((FILE, "/etc/octavia/octavia.conf"),)),
        ("/usr/bin/octavia-worker", ()),
        ("/bin/sh -c something", None),
    ],
)
def test_arguments_are_those_of_the_unit(
    tmp_path: Path, command: str, wanted: Any
) -> None:
    """RDO's and Debian's arguments are read; without any, the defaults are certain."""
    systemd = systemctl.make(tmp_path / "units")
    systemctl.unit(tmp_path / "units", "octavia-worker", command)
    assert arguments(_host(), systemd) == wanted
    stated = ((FILE, "/etc/other.conf"),)
    assert arguments(_host(service_arguments=stated), systemd) == stated
    assert arguments(_host(restart_commands=(("restart",),)), systemd) is None


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("rabbit://u:p%40@h1:5673,[::1]/v", (("h1", 5673), ("::1", 5672))),
        ("rabbit://", ()),
        ("kafka://u:p@h1:9092", ()),
    ],
)
def test_brokers_of_the_transport_url(
    tmp_path: Path, url: str, found: tuple[tuple[str, int], ...]
) -> None:
    """Each server of RabbitMQ is found, with the port that the library takes."""
    file = tmp_path / "octavia.conf"
    file.write_text(f"[DEFAULT]\ntransport_url = {url}\n")
    assert brokers([file]) == found
