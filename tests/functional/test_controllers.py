# SPDX-License-Identifier: Apache-2.0
"""What conductors report about their controllers, and whether these agree."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.host_reports import HostReport
from tests.functional.site import PASSWORD, Site
from tests.functional.verify_cloud import redis_cloud
from tests.servers.mariadb import MariaDB
from tests.servers.redis import PASSWORD as REDIS_PASSWORD

Findings = list[dict[str, str]]


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    mariadb_server: MariaDB,
    octavia_bin: Path,
) -> Iterator[Site]:
    """Two controllers with a finished job; both conductors run on."""
    folder = tmp_path_factory.mktemp("controllers")
    with redis_cloud(folder, mariadb_server, octavia_bin) as cloud:
        site = cloud.site
        site.start_conductors()
        done = site.cli("post-job", "--wait", "--timeout", "100")
        assert done.returncode == 0, (done.stderr, site.log("ctl1").read_text())
        yield site


def _reports(site: Site) -> dict[str, HostReport]:
    return {each.host: each for each in site.runtime("ctl1").reports.all()}


def _option(site: Site, host: str, name: str) -> Any:
    report = _reports(site).get(host)
    return report.content.get("task_flow", {}).get(name) if report else None


def _wait_for(site: Site, host: str, name: str, entry: Mapping[str, Any]) -> None:
    """Return when the conductor reports this entry of its octavia.conf."""
    site.wait_until(
        lambda: _option(site, host, name) == entry, f"{host} has reported its {name}"
    )


@contextlib.contextmanager
def _written(site: Site, host: str, **options: Any) -> Iterator[None]:
    """Change options in one controller's ``[task_flow]`` by hand, then back."""
    conf = site.octavia_conf(host)
    before, reported = conf.read_bytes(), _reports(site)[host].content["task_flow"]
    rendered = {name: conf_file.render(value) for name, value in options.items()}
    conf.write_bytes(conf_file.set_options(before, "task_flow", rendered))
    try:
        name = next(iter(options))
        site.wait_until(
            lambda: _option(site, host, name) != reported[name],
            f"{host} has reported the change",
        )
        yield
    finally:
        conf.write_bytes(before)
        for name in options:
            _wait_for(site, host, name, reported[name])


def _verify(site: Site) -> tuple[int, Findings]:
    done = site.cli("verify", "--controllers", "-f", "json", timeout=240)
    assert done.returncode in (0, 1), done.stderr
    for secret in (PASSWORD, REDIS_PASSWORD, "0ther-Sesame"):
        assert secret not in done.stdout + done.stderr
    found: Findings = json.loads(done.stdout)
    return done.returncode, found


def _failed(findings: Findings) -> list[str]:
    return [one["message"] for one in findings if one["state"] == "failed"]


def test_controllers_agree_after_a_job(site: Site) -> None:
    """Both reported, with the same values and no secret; the exit code is 0."""
    for host in site.hosts:
        _wait_for(site, host, "jobboard_enabled", {"value": True})
    code, found = _verify(site)
    assert code == 0, found
    agreed = [one for one in found if one["check"] in ("controllers", "agreement")]
    assert [one["state"] for one in agreed] == ["ok"] * 3
    assert "are the same on ctl1, ctl2" in agreed[-1]["message"]
    for report in _reports(site).values():
        assert report.content["client_library"] == ""
        assert abs(report.clock_offset) < 30
        text = json.dumps(report.content)
        assert not [one for one in (PASSWORD, REDIS_PASSWORD) if one in text]


def test_every_difference_is_named(site: Site) -> None:
    """Each option that differs is shown for each host, without secrets."""
    with _written(
        site,
        "ctl2",
        jobboard_backend_namespace="mine",
        jobboard_backend_password="0ther-Sesame",
        jobboard_expiration_time=30,
        persistence_connection="mysql+pymysql://octavia:0ther-Sesame@db9/elsewhere",
    ):
        code, found = _verify(site)
    assert code == 1
    connection, expiry, namespace, password = (
        "persistence_connection differs: ",
        "jobboard_expiration_time differs: 100 on ctl1; 30 on ctl2",
        "jobboard_backend_namespace differs: octavia_jobboard on ctl1; mine on ctl2",
        "jobboard_backend_password differs: a secret (A) on ctl1; a secret (B) on ctl2",
    )
    messages = sorted(one["message"] for one in found if one["check"] == "agreement")
    assert messages[:3] == [namespace, password, expiry]
    assert messages[3].startswith(connection)
    assert messages[3].endswith("mysql+pymysql://octavia@db9/elsewhere on ctl2")
    assert len(messages) == 4
    assert _failed(found) == [
        one["message"] for one in found if one["check"] == "agreement"
    ], "this host itself is right"


def test_a_controller_that_was_not_seen_fails(site: Site) -> None:
    """A controller that is silent, or never reported, fails the check."""
    table = schema.host_reports
    with _silenced(site, "ctl2"):
        with site.store.database.write() as connection:
            old = table.c.reported_at - 1800
            connection.execute(
                table.update().where(table.c.host == "ctl2").values(reported_at=old)
            )
        code, found = _verify(site)
        assert (code, _failed(found)) == (1, ["ctl2 wasn't seen for 30 minutes"])
        with site.store.database.write() as connection:
            connection.execute(table.delete().where(table.c.host == "ctl2"))
        code, found = _verify(site)
        assert code == 1
        assert _failed(found) == ["ctl2 was never seen: nothing is known of it"]


@contextlib.contextmanager
def _silenced(site: Site, host: str) -> Iterator[None]:
    """Stop the conductor of one host, then start a new one, which reports."""
    process = site.conductors.pop(host)
    process.terminate()
    process.wait(30)
    try:
        yield
    finally:
        owner = f"{host}:{site.start_conductor(host).pid}:"
        site.wait_until(
            lambda: (
                host in _reports(site) and _reports(site)[host].owner.startswith(owner)
            ),
            f"the new conductor of {host} has reported",
        )


def test_another_version_of_octavia_fails(site: Site, octavia_bin: Path) -> None:
    """The check compares the versions that Octavia's Python has on each controller."""
    home = site.folder / "ctl2" / "older"
    older = home / "octavia-1.0.0.dist-info"
    older.mkdir(parents=True)
    (older / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: octavia\nVersion: 1\n"
    )
    python = home / "python3"
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH={home} exec {octavia_bin / "python"} "$@"\n'
    )
    python.chmod(0o755)
    with _silenced(site, "ctl2"):
        site.write_configuration("ctl2", {"octavia": {"python": str(python)}})
    try:
        site.wait_until(
            lambda: _reports(site)["ctl2"].content["versions"]["octavia"] == "1",
            "the other version is reported",
        )
        code, found = _verify(site)
        (message,) = _failed(found)
        assert code == 1
        assert message.startswith("the versions of octavia differ: ")
        assert message.endswith("1 on ctl2")
    finally:
        with _silenced(site, "ctl2"):
            site.write_configuration("ctl2")


def test_a_file_that_cannot_be_loaded_is_reported(site: Site) -> None:
    """The check on another controller says why; the conductor works on."""
    conf = site.octavia_conf("ctl2")
    before = conf.read_bytes()
    conf.write_bytes(before + b"\n[task_flow\n")
    try:
        site.wait_until(
            lambda: "unreadable" in _reports(site)["ctl2"].content,
            "the broken file is reported",
        )
        code, found = _verify(site)
        (message,) = _failed(found)
        assert code == 1
        assert message.startswith("ctl2 was seen, but its configuration isn't known")
        assert str(conf) in message
    finally:
        conf.write_bytes(before)
        _wait_for(site, "ctl2", "jobboard_enabled", {"value": True})


def test_conductors_are_listed(site: Site) -> None:
    """The list has live and dead conductors, but none that has stopped."""
    found = _conductors(site)
    assert [(one["host"], one["state"]) for one in found] == [
        ("ctl1", "alive"),
        ("ctl2", "alive"),
    ]
    assert found[1]["pid"] == site.conductors["ctl2"].pid
    assert found[0]["started_at"] <= found[0]["seen_at"]
    site.kill("ctl2")
    assert [one["state"] for one in _conductors(site)] == ["alive", "dead"]
    site.start_conductor("ctl2")
    new = site.conductors["ctl2"].pid
    site.wait_until(
        lambda: [one["pid"] for one in _conductors(site)][1:] == [new],
        "the new one has replaced the dead one",
    )
    with _silenced(site, "ctl2"):
        assert [one["host"] for one in _conductors(site)] == ["ctl1"]


def _conductors(site: Site) -> list[dict[str, Any]]:
    done = site.cli("conductor", "list", "-f", "json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
