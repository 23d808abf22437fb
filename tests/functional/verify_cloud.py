# SPDX-License-Identifier: Apache-2.0
"""A cloud that was bootstrapped, and what ``verify`` says of it when it is broken."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amphv2_bootstrap.adapters.octavia import conf_file
from tests.functional.canary_ledger import foreign_writes
from tests.functional.site import PASSWORD, KeyValue, Site, stopped_at_end
from tests.servers.mariadb import MariaDB

DATABASE = "octavia_persistence"


@dataclass
class Cloud:
    """One controller; ``server`` is what the test started for the key-value store."""

    site: Site
    server: Any

    @property
    def conf(self) -> Path:
        return self.site.octavia_conf("ctl1")

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        return self.site.mariadb.execute(statement)

    def rows(self) -> int:
        tables = ("logbooks", "flowdetails", "atomdetails")
        counts = (f"(SELECT COUNT(*) FROM {DATABASE}.{name})" for name in tables)
        return int(self.sql(f"SELECT {' + '.join(counts)}")[0][0])


@contextlib.contextmanager
def bootstrapped(
    folder: Path, mariadb: MariaDB, octavia_bin: Path, key_value: KeyValue, server: Any
) -> Iterator[Cloud]:
    """What ``run`` makes of an Octavia without a jobboard."""
    mariadb.clean()
    site = Site(
        folder=folder / "site",
        mariadb=mariadb,
        key_value=key_value,
        board={},
        engine_url=f"sqlite:///{folder}/engine.sqlite",
        db_manage=str(octavia_bin / "octavia-db-manage"),
        hosts=("ctl1",),
    )
    with stopped_at_end(site):
        done = site.cli("run")
        assert done.returncode == 0, done.stderr
        yield Cloud(site, server)
    mariadb.clean()


def verify(cloud: Cloud, *arguments: str) -> tuple[int, list[dict[str, str]]]:
    """Exit code and findings; asserts that nothing was changed and no secret told."""
    server = cloud.site.mariadb
    before, mark = cloud.conf.read_bytes(), server.mark()
    done = cloud.site.cli("verify", "-f", "json", *arguments)
    assert done.returncode in (0, 1), done.stderr
    secrets = (PASSWORD, server.root_password, cloud.site.key_value.password)
    for secret in filter(None, secrets):
        assert secret not in done.stdout + done.stderr
    assert cloud.conf.read_bytes() == before
    assert foreign_writes(server.statements(mark)) == []
    found: list[dict[str, str]] = json.loads(done.stdout)
    return done.returncode, found


def by_state(findings: list[dict[str, str]], state: str) -> dict[str, str]:
    """The messages of a state's findings, by check."""
    found: dict[str, str] = {}
    for one in findings:
        if one["state"] == state:
            text = f"{one['message']} {one['todo']}"
            found[one["check"]] = f"{found.get(one['check'], '')} {text}".strip()
    return found


Breaking = Callable[[Cloud], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def option(cloud: Cloud, name: str, value: str) -> Iterator[None]:
    """One option of ``[task_flow]`` changed by hand."""
    before = cloud.conf.read_bytes()
    cloud.conf.write_bytes(conf_file.set_options(before, "task_flow", {name: value}))
    try:
        yield
    finally:
        cloud.conf.write_bytes(before)


def set_option(name: str, value: str) -> Breaking:
    return lambda cloud: option(cloud, name, value)


@dataclass(frozen=True)
class Case:
    """One thing broken: ``failed`` maps the checks that must fail to their words.

    Several words are divided by `` ... ``; the check's advice is among its texts.
    """

    name: str
    breaking: Breaking
    failed: Mapping[str, str]
    skipped: tuple[str, ...] = ()
    warned: Mapping[str, str] = field(default_factory=dict)


def check(case: Case, cloud: Cloud) -> None:
    """Exit code 1, the right checks fail with the right words; no row is left."""
    with case.breaking(cloud):
        code, found = verify(cloud)
    failed = by_state(found, "failed")
    assert code == 1, found
    assert set(failed) == set(case.failed), found
    for check, words in case.failed.items():
        assert all(one in failed[check] for one in words.split(" ... ")), found
    assert set(by_state(found, "skipped")) == set(case.skipped), found
    for check, words in case.warned.items():
        assert words in by_state(found, "warning")[check]
    assert all(one["todo"] for one in found if one["state"] == "failed"), found
    assert cloud.rows() == 0
