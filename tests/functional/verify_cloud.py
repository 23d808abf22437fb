# SPDX-License-Identifier: Apache-2.0
"""A cloud after a job, and the findings of ``verify`` when one thing is broken."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amphv2_bootstrap.adapters.octavia import conf_file
from tests.functional.canary_cloud import persistence_rows
from tests.functional.canary_ledger import foreign_writes
from tests.functional.site import PASSWORD, KeyValue, Site, site_of_a_module
from tests.servers.mariadb import MariaDB
from tests.servers.redis import running_redis


@dataclass
class Cloud:
    """One controller; ``server`` is the server of the key-value backend."""

    site: Site
    server: Any

    @property
    def conf(self) -> Path:
        return self.site.octavia_conf("ctl1")

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        return self.site.mariadb.execute(statement)

    def rows(self) -> int:
        return persistence_rows(self.site.mariadb)

    @contextlib.contextmanager
    def configured(self, **options: str) -> Iterator[None]:
        """Change options in ``[octavia]`` of our configuration, then back."""
        self.site.write_configuration("ctl1", {"octavia": options})
        try:
            yield
        finally:
            self.site.write_configuration("ctl1")


@contextlib.contextmanager
def redis_cloud(
    folder: Path, mariadb: MariaDB, octavia_bin: Path, **more: Any
) -> Iterator[Cloud]:
    """A cloud of a module that nothing was done to, with a Redis of its own."""
    with running_redis(folder / "redis") as redis:
        key_value = KeyValue("redis", redis.port, redis.password)
        with site_of_a_module(folder, mariadb, octavia_bin, key_value, **more) as site:
            yield Cloud(site, redis)


@contextlib.contextmanager
def bootstrapped(
    folder: Path, mariadb: MariaDB, octavia_bin: Path, key_value: KeyValue, server: Any
) -> Iterator[Cloud]:
    """An Octavia with a jobboard from ``run``."""
    with site_of_a_module(
        folder, mariadb, octavia_bin, key_value, hosts=("ctl1",)
    ) as site:
        done = site.cli("run")
        assert done.returncode == 0, done.stderr
        yield Cloud(site, server)


def verify(cloud: Cloud, *arguments: str) -> tuple[int, list[dict[str, str]]]:
    """The exit code and the findings; nothing may be changed, and no secret shown."""
    server = cloud.site.mariadb
    before, mark = cloud.conf.read_bytes(), server.mark()
    # Two checks ask a backend that may say nothing, for up to 60 and 120 s.
    done = cloud.site.cli("verify", "-f", "json", *arguments, timeout=240)
    assert done.returncode in (0, 1), done.stderr
    secrets = (PASSWORD, server.root_password, cloud.site.key_value.password)
    for secret in filter(None, secrets):
        assert secret not in done.stdout + done.stderr
    assert cloud.conf.read_bytes() == before
    assert foreign_writes(server.statements(mark)) == []
    found: list[dict[str, str]] = json.loads(done.stdout)
    return done.returncode, found


def by_state(findings: list[dict[str, str]], state: str) -> dict[str, str]:
    """The messages and advice of the findings in one state, by check."""
    found: dict[str, str] = {}
    for one in findings:
        if one["state"] == state:
            text = f"{one['message']} {one['todo']}"
            found[one["check"]] = f"{found.get(one['check'], '')} {text}".strip()
    return found


Breaking = Callable[[Cloud], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def option(cloud: Cloud, name: str, value: str) -> Iterator[None]:
    """Change one option of ``[task_flow]`` by hand, then back."""
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
    """One broken thing; ``failed`` maps the checks that must fail to their words.

    `` ... `` separates words; they may be in the message or in the advice.
    """

    name: str
    breaking: Breaking
    failed: Mapping[str, str]
    skipped: tuple[str, ...] = ()
    warned: Mapping[str, str] = field(default_factory=dict)


def check(case: Case, cloud: Cloud) -> None:
    """The expected checks fail with their words, no other does, and no row is left."""
    with case.breaking(cloud):
        code, found = verify(cloud)
    failed = by_state(found, "failed")
    assert code == (1 if case.failed else 0), found
    assert set(failed) == set(case.failed), found
    for check, words in case.failed.items():
        assert all(one in failed[check] for one in words.split(" ... ")), found
    # The main database in these octavia.conf is SQLite, which has no load balancers.
    assert set(by_state(found, "skipped")) == {*case.skipped, "stuck"}, found
    for check, words in case.warned.items():
        assert words in by_state(found, "warning")[check]
    assert all(one["todo"] for one in found if one["state"] == "failed"), found
    assert cloud.rows() == 0
