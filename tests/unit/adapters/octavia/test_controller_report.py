# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.adapters.octavia.controller_report import ControllerReport
from amphv2_bootstrap.checks.agreement import Controller, compare
from amphv2_bootstrap.checks.finding import FAILED
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings, Value
from tests.unit.irreplaceable import WAYS

SECRETS = ("p@ss:w/o#r%d$1", "b0ard$Sesame", "k3y-Sesame", "unkn0wn-Sesame")
OPTIONS: dict[str, Value] = {
    "persistence_connection": (
        "mysql+pymysql://octavia:p%40ss%3Aw%2Fo%23r%25d%241@db/octavia_persistence"
    ),
    "jobboard_enabled": True,
    "jobboard_backend_driver": "redis_taskflow_driver",
    "jobboard_backend_hosts": ("kv1",),
    "jobboard_backend_password": "b0ard$Sesame",
    "jobboard_zookeeper_ssl_options": {"keyfile_password": "k3y-Sesame"},
    "jobboard_redis_backend_ssl_options": {"ssl": "False", "pasword": "unkn0wn-Sesame"},
}


@dataclasses.dataclass
class Host:
    """A controller in a folder."""

    folder: Path
    name: str = "c1"
    python: str | None = None

    def write(self, **changes: Value) -> None:
        values = {**OPTIONS, **changes}
        rendered = {name: conf_file.render(value) for name, value in values.items()}
        self.conf.write_bytes(conf_file.set_options(b"", "task_flow", rendered))

    @property
    def conf(self) -> Path:
        return self.folder / f"{self.name}.conf"

    @property
    def settings(self) -> HostSettings:
        return HostSettings(
            name=self.name,
            state_path=str(self.folder / "state"),
            config_files=(str(self.conf),),
            admin=DatabaseUrl("mysql+pymysql"),
            db_manage_command=(),
            octavia_python=self.python,
        )

    def report(self, salt: bytes = b"salt") -> ControllerReport:
        return ControllerReport(
            self.settings,
            lambda name, text: Key(salt).seal("digest", name, text),
            Systemd("no-such-systemctl"),
        )


@pytest.fixture(params=["octavia", "table"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    """A controller; Octavia's Python or our table loads its file."""
    found = Host(tmp_path)
    if request.param == "octavia":
        found.python = request.getfixturevalue("octavia_python_path")
    found.write()
    return found


def test_no_secret_is_in_the_report(host: Host) -> None:
    """Secrets and possible secrets become digests; other values stay readable."""
    content = host.report().make()
    text = json.dumps(content)
    assert not [word for word in (*SECRETS, "p%40ss") if word in text]
    options = content["task_flow"]
    assert options["jobboard_backend_hosts"] == {"value": ["kv1"]}
    assert options["jobboard_backend_username"] == {"value": None}
    assert options["jobboard_enabled"] == {"value": True}
    assert options["jobboard_redis_backend_ssl_options.ssl"] == {"value": "False"}
    assert set(options["jobboard_redis_backend_ssl_options.pasword"]) == {"digest"}
    assert set(options["jobboard_backend_password"]) == {"digest"}
    shown = options["persistence_connection"]["shown"]
    assert shown == "mysql+pymysql://octavia@db/octavia_persistence"


def test_values_of_url_arguments_are_not_shown(host: Host) -> None:
    """Only the names of a URL's arguments are shown, since they may be passwords."""
    url = "mysql+pymysql://octavia@db/p?password=s3cret&ssl_ca=/etc/ca.pem"
    host.write(persistence_connection=url)
    content = host.report().make()
    shown = content["task_flow"]["persistence_connection"]["shown"]
    assert shown == "mysql+pymysql://octavia@db/p?password=***&ssl_ca=***"
    assert "s3cret" not in json.dumps(content)


def test_digests_are_keyed_by_the_clouds_salt(host: Host) -> None:
    """A digest is the same on all hosts of a cloud, and differs between clouds."""
    name = "jobboard_backend_password"
    first = host.report().make()["task_flow"][name]
    assert host.report().make()["task_flow"][name] == first
    assert host.report(b"other").make()["task_flow"][name] != first


def test_the_report_has_versions_and_library(
    octavia_python_path: str, tmp_path: Path
) -> None:
    """Octavia's Python gives both; without one, both are unknown."""
    host = Host(tmp_path, python=octavia_python_path)
    host.write()
    content = host.report().make()
    assert set(content["versions"]) >= {"octavia", "taskflow"}
    assert content["client_library"] == ""
    host.python = None
    content = host.report().make()
    assert (content["versions"], content["client_library"]) == ({}, None)


def test_the_stamp_follows_the_file_and_the_marker(tmp_path: Path) -> None:
    """A change of the file or the marker changes the stamp."""
    host = Host(tmp_path)
    host.write()
    report = host.report()
    first = report.stamp()
    assert report.stamp() == first
    host.write(jobboard_enabled=False)
    second = report.stamp()
    assert second != first
    RestartMarker(host.settings.state_path, host.settings.config_file).set()
    assert report.stamp() != second
    assert "has not restarted" in report.make()["restart"][0]
    host.conf.unlink()
    assert report.stamp() not in (first, second)


def test_the_stamp_follows_all_that_octavia_loads(tmp_path: Path) -> None:
    """A change in a folder that the services load changes the stamp."""
    host, folder = Host(tmp_path, python="/usr/bin/python3"), tmp_path / "conf.d"
    host.write()
    folder.mkdir()
    arguments = (("--config-file", str(host.conf)), ("--config-dir", str(folder)))
    settings = dataclasses.replace(host.settings, service_arguments=arguments)
    report = ControllerReport(settings, Key(b"k").seal, Systemd("no-such-systemctl"))
    before = report.stamp()
    (folder / "1.conf").touch()
    assert report.stamp() != before


def test_what_octavia_cannot_load_is_an_error(host: Host) -> None:
    """An invalid value is part of the report; an unparsable file is an error."""
    host.write(jobboard_backend_port="none", persistence_connection="a:s3cret")
    options = host.report().make()["task_flow"]
    assert "invalid" in options["jobboard_backend_port"]
    assert options["persistence_connection"]["shown"] == "a URL that can't be parsed"
    host.conf.write_text("[task_flow\ns3cret\n")
    with pytest.raises(PermanentError, match="parsed") as caught:
        host.report().make()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jobboard_backend_namespace": "mine"}, "octavia_jobboard on c1; mine on c2"),
        ({"jobboard_backend_password": "0ther"}, "a secret (A) on c1; a secret (B) on"),
        (
            {"persistence_connection": "mysql+pymysql://octavia:0ther@db/p"},
            "octavia@db/p on c2",
        ),
        ({"jobboard_redis_backend_ssl_options": {"ssl": "True"}}, "True on c2"),
    ],
)
def test_two_hosts_are_compared_by_their_reports(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """Only the option that differs between the hosts is found."""
    found = []
    for name, changes in (("c1", {}), ("c2", change)):
        host = Host(tmp_path, name)
        host.write(**changes)
        content = json.loads(json.dumps(host.report().make()))
        found.append(Controller(name, content, seen_ago=0.0))
    failed = [one for one in compare(found) if one.state == FAILED]
    (option,) = change
    assert {one.message.split(" ")[0].partition(".")[0] for one in failed} == {option}
    assert any(message in one.message for one in failed)
    assert "0ther" not in str(failed)


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_cannot_be_replaced_is_reported(way: str, tmp_path: Path) -> None:
    """The report has the reason, while there is one."""
    host = Host(tmp_path)
    host.write()
    make, words = WAYS[way]
    with make(host.conf):
        why = host.report().make()["irreplaceable"]
    assert re.search(words.partition(".*")[0], why)
    assert host.report().make()["irreplaceable"] is None


def test_each_of_several_files_is_reported(tmp_path: Path) -> None:
    """A difference between a host's own files is found, and each changes the stamp."""
    worker, other = Host(tmp_path, "worker"), Host(tmp_path, "housekeeping")
    worker.write()
    other.write(jobboard_backend_namespace="mine")
    paths = (str(worker.conf), str(other.conf))
    settings = dataclasses.replace(worker.settings, config_files=paths)
    report = ControllerReport(settings, Key(b"k").seal, Systemd("no-such-systemctl"))
    content = json.loads(json.dumps(report.make()))
    found = compare([Controller("c1", content, seen_ago=0.0)])
    (failed,) = [one for one in found if one.state == FAILED]
    assert f"mine on c1 ({other.conf})" in failed.message
    before = report.stamp()
    other.write()
    changed = report.stamp()
    assert changed != before
    RestartMarker(settings.state_path, str(other.conf)).set()
    assert report.stamp() != changed
    assert str(other.conf) in report.make()["restart"][0]
