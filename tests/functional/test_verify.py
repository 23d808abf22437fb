# SPDX-License-Identifier: Apache-2.0
"""``verify`` on a cloud with Redis: intact, and with one thing broken."""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.checks import last_success
from tests.functional.canary_cloud import DATABASE, redis_keys
from tests.functional.site import PASSWORD, KeyValue
from tests.functional.verify_cloud import (
    Breaking,
    Case,
    Cloud,
    bootstrapped,
    by_state,
    check,
    option,
    set_option,
    verify,
)
from tests.servers.mariadb import MariaDB
from tests.servers.process import free_port
from tests.servers.redis import running_redis

CHECKS = {  # those that this module tests
    "configuration",
    "client-library",
    "database",
    "grants",
    "schema",
    "key-value-backend",
    "waiting-jobs",
    "canary",
}


@pytest.fixture(scope="module")
def cloud(
    tmp_path_factory: pytest.TempPathFactory,
    mariadb_server: MariaDB,
    octavia_bin: Path,
) -> Iterator[Cloud]:
    """One cloud for the module; each case breaks one thing, and repairs it."""
    folder = tmp_path_factory.mktemp("verify")
    with running_redis(folder / "redis") as redis:
        key_value = KeyValue("redis", redis.port, redis.password)
        with bootstrapped(
            folder, mariadb_server, octavia_bin, key_value, redis
        ) as found:
            yield found


def test_passes_on_what_a_job_made(cloud: Cloud) -> None:
    """All checks succeed, the exit code is 0, and neither key nor row is left."""
    keys = redis_keys(cloud.server)
    began = time.time()
    code, found = verify(cloud)
    assert code == 0, found
    assert began - 1 < (
        last_success.noted_at(str(cloud.site.folder / "ctl1/state")) or 0
    )
    ours = [one for one in found if one["check"] in CHECKS]
    assert {one["check"] for one in ours} == CHECKS
    assert {one["state"] for one in ours} == {"ok"}, found
    assert not by_state(found, "failed")
    assert redis_keys(cloud.server) == keys
    assert cloud.rows() == 0


def test_drill_reports_when_the_other_conductor_resumes(cloud: Cloud) -> None:
    """The drill reports progress and a takeover in time, and leaves nothing behind."""
    keys = redis_keys(cloud.server)
    with expiration(cloud, "5"):
        done = cloud.site.cli("verify", "-f", "json", "--drill", timeout=240)
    assert done.returncode == 0, done.stdout
    drilled = by_state(json.loads(done.stdout), "ok")["drill"]
    assert "resumed it after" in drilled
    assert "jobboard_expiration_time: 5 s" in drilled
    assert "late" not in drilled
    assert "killed the conductor" in done.stderr
    assert redis_keys(cloud.server) == keys
    assert cloud.rows() == 0


def test_lines_say_what_to_do(cloud: Cloud) -> None:
    """For people, each check has a line, and the advice follows."""
    with option(cloud, "jobboard_backend_namespace", "another"):
        done = cloud.site.cli("verify")
    assert done.returncode == 1
    first, _, todo = done.stdout.partition("\nWhat to do:\n")
    assert len(first.splitlines()) >= len(CHECKS)
    assert first.startswith("FAILED   configuration ")
    assert todo.startswith("  configuration: Remove the line")
    assert todo.endswith("\n\nThe jobboard is proven: a job went through it.\n")


@contextlib.contextmanager
def expiration(cloud: Cloud, seconds: str) -> Iterator[None]:
    """Change the expiration in our configuration and in octavia.conf."""
    with (
        cloud.configured(jobboard_expiration_time=seconds),
        option(cloud, "jobboard_expiration_time", seconds),
    ):
        yield


def text(old: str, new: str) -> Breaking:
    """Replace the last ``old`` in octavia.conf by ``new``."""

    @contextlib.contextmanager
    def breaking(cloud: Cloud) -> Iterator[None]:
        before = cloud.conf.read_bytes()
        head, found, tail = before.decode().rpartition(old)
        assert found
        cloud.conf.write_text(head + new + tail)
        try:
            yield
        finally:
            cloud.conf.write_bytes(before)

    return breaking


def sql(*statements: str, undo: tuple[str, ...]) -> Breaking:
    """Execute SQL as root; ``:p`` stands for the account's password."""

    @contextlib.contextmanager
    def breaking(cloud: Cloud) -> Iterator[None]:
        run(cloud, statements)
        try:
            yield
        finally:
            run(cloud, undo)

    def run(cloud: Cloud, texts: tuple[str, ...]) -> None:
        for each in texts:
            cloud.sql(each.replace(":p", f"'{PASSWORD}'"))

    return breaking


def redis_settings(**settings: str) -> Breaking:
    """Change settings by CONFIG SET, then back."""

    @contextlib.contextmanager
    def breaking(cloud: Cloud) -> Iterator[None]:
        with contextlib.closing(cloud.server.client()) as client:
            before = {name: client.config_get(name)[name] for name in settings}
            for name, value in settings.items():
                client.config_set(name, value)
            try:
                yield
            finally:
                for name, value in before.items():
                    client.config_set(name, value)

    return breaking


def redis_rights(*rules: str) -> Breaking:
    """Change the rights of Octavia's user by ACL SETUSER, then back."""

    @contextlib.contextmanager
    def breaking(cloud: Cloud) -> Iterator[None]:
        with contextlib.closing(cloud.server.client()) as client:
            client.execute_command("ACL", "SETUSER", "default", *rules)
            try:
                yield
            finally:
                client.execute_command("ACL", "SETUSER", "default", "~*", "+@all")

    return breaking


def database_port(cloud: Cloud) -> contextlib.AbstractContextManager[None]:
    port = cloud.site.mariadb.port
    return text(f":{port}/octavia_persistence", ":1/octavia_persistence")(cloud)


@contextlib.contextmanager
def redis_down(cloud: Cloud) -> Iterator[None]:
    cloud.server.stop()
    try:
        yield
    finally:
        cloud.server.start()


@contextlib.contextmanager
def redis_replica(cloud: Cloud) -> Iterator[None]:
    with contextlib.closing(cloud.server.client()) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", str(free_port()))
        try:
            yield
        finally:
            client.execute_command("REPLICAOF", "NO", "ONE")


@contextlib.contextmanager
def table_gone(cloud: Cloud) -> Iterator[None]:
    made = cloud.sql(f"SHOW CREATE TABLE {DATABASE}.atomdetails")[0][1]
    cloud.sql(f"DROP TABLE {DATABASE}.atomdetails")
    try:
        yield
    finally:
        place = f"CREATE TABLE {DATABASE}.`atomdetails`"
        cloud.sql(made.replace("CREATE TABLE `atomdetails`", place))


@contextlib.contextmanager
def database_gone(cloud: Cloud) -> Iterator[None]:
    cloud.sql(f"DROP DATABASE {DATABASE}")
    try:
        yield
    finally:
        cloud.sql(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
        argv = [cloud.site.db_manage, "--config-file", str(cloud.conf)]
        subprocess.run(
            [*argv, "upgrade_persistence"], check=True, capture_output=True, timeout=60
        )


@contextlib.contextmanager
def library_hidden(cloud: Cloud) -> Iterator[None]:
    """Give Octavia's Python a module redis that can't be imported."""
    folder = cloud.site.folder / "hidden"
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    (folder / "lib" / "redis.py").write_text('raise ImportError("no redis here")\n')
    python = folder / "python"
    real = Path(cloud.site.db_manage).with_name("python")
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH={folder}/lib exec {real} "$@"\n', encoding="utf-8"
    )
    python.chmod(0o755)
    with cloud.configured(python=str(python)):
        yield


def python_unknown(cloud: Cloud) -> contextlib.AbstractContextManager[None]:
    """Have no Python of Octavia, as if Octavia ran in a container."""
    return cloud.configured(python="")


@contextlib.contextmanager
def overridden(cloud: Cloud) -> Iterator[None]:
    """Add a folder of configuration, which the services load after octavia.conf."""
    folder = cloud.site.folder / "conf.d"
    folder.mkdir(exist_ok=True)
    override = "[task_flow]\njobboard_backend_port = 1\n"
    (folder / "50-site.conf").write_text(override)
    arguments = f"--config-file {cloud.conf} --config-dir {folder}"
    with cloud.configured(service_arguments=arguments):
        yield


# The indexes that the last migration makes after that of its first table.
_LATER = (
    ("flowdetails", "flowdetails_uuid_idx"),
    ("atomdetails", "taskdetails_uuid_idx"),
)
_LOCAL, _ANY = "octavia@localhost", "octavia@'%'"


def _grant(account: str) -> str:
    return f"GRANT ALL ON `octavia\\_persistence`.* TO {account}"


def _stamp(revision: str) -> str:
    return f"UPDATE {DATABASE}.alembic_version SET version_num = '{revision}'"


@contextlib.contextmanager
def malformed_posting(cloud: Cloud) -> Iterator[None]:
    """A posting that taskflow can't read, and would delete; it is still there."""
    listings = "octavia_jobboard:listings"
    with contextlib.closing(cloud.server.client()) as client:
        client.hset(listings, "broken", b"\x93")
        yield
        assert client.hdel(listings, "broken") == 1


_CASES = (
    Case(
        "wrong password of the account for other hosts",
        sql(
            f"ALTER USER {_ANY} IDENTIFIED BY 'another'",
            undo=(f"ALTER USER {_ANY} IDENTIFIED BY :p",),
        ),
        {"database": "'octavia'@'%' has another password"},
    ),
    Case(
        "wrong password of the account in use",
        sql(
            f"ALTER USER {_LOCAL} IDENTIFIED BY 'another'",
            undo=(f"ALTER USER {_LOCAL} IDENTIFIED BY :p",),
        ),
        {"database": "Access denied", "canary": "(link persistence)"},
        skipped=("schema",),
    ),
    Case(
        "account dropped",
        sql(
            f"DROP USER {_ANY}",
            undo=(
                f"CREATE USER {_ANY} IDENTIFIED BY :p",
                _grant(_ANY),
            ),
        ),
        {"database": "the account 'octavia'@'%' is not there"},
    ),
    Case(
        "no grant for other hosts",
        sql(
            f"REVOKE ALL ON `octavia\\_persistence`.* FROM {_ANY}",
            undo=(_grant(_ANY),),
        ),
        {"grants": "'octavia'@'%' lacks everything on octavia_persistence"},
    ),
    Case(
        "one privilege missing",
        sql(
            f"REVOKE INSERT ON `octavia\\_persistence`.* FROM {_LOCAL}",
            undo=(_grant(_LOCAL),),
        ),
        {"grants": "lacks INSERT on octavia_persistence", "canary": "(link post)"},
    ),
    Case(
        "rows can't be deleted",
        sql(
            f"REVOKE DELETE ON `octavia\\_persistence`.* FROM {_LOCAL}",
            undo=(
                _grant(_LOCAL),
                f"DELETE FROM {DATABASE}.logbooks",
            ),
        ),
        {"grants": "lacks DELETE", "canary": "(link cleanup)"},
    ),
    Case(
        "table missing",
        table_gone,
        {"schema": "atomdetails", "canary": "the table atomdetails is missing"},
    ),
    Case(
        "column dropped",
        sql(
            f"ALTER TABLE {DATABASE}.atomdetails DROP COLUMN revert_results",
            undo=(
                f"ALTER TABLE {DATABASE}.atomdetails ADD COLUMN revert_results TEXT",
            ),
        ),
        {
            "schema": "revert_results",
            "canary": "the column atomdetails.revert_results is missing",
        },
    ),
    Case(
        "half-applied schema",
        sql(
            f"DROP INDEX logbook_uuid_idx ON {DATABASE}.logbooks",
            *(
                f"ALTER TABLE {DATABASE}.{table} DROP INDEX {index},"
                f" ADD INDEX {index} (uuid)"
                for table, index in _LATER
            ),
            _stamp("40fc8c914bd2"),
            undo=(
                f"CREATE UNIQUE INDEX logbook_uuid_idx ON {DATABASE}.logbooks (uuid)",
                *(
                    f"ALTER TABLE {DATABASE}.{table} DROP INDEX {index},"
                    f" ADD UNIQUE INDEX {index} (uuid)"
                    for table, index in _LATER
                ),
                _stamp("00af93df9d77"),
            ),
        ),
        {
            "schema": "the schema is half-applied ... logbook_uuid_idx ... wants "
            "revision 00af93df9d77 ... 'amphv2-bootstrap post-job' fixes it",
            "canary": "(link schema) ... 40fc8c914bd2",
        },
    ),
    Case(
        "schema of no revision",
        sql(
            f"RENAME TABLE {DATABASE}.atomdetails TO {DATABASE}.taskdetails",
            _stamp("40fc8c914bd2"),
            undo=(
                f"RENAME TABLE {DATABASE}.taskdetails TO {DATABASE}.atomdetails",
                _stamp("00af93df9d77"),
            ),
        ),
        {
            "schema": "the schema is foreign ... Give taskflow's persistence a "
            "database of its own",
            "canary": "(link schema)",
        },
    ),
    Case(
        "revision behind",
        sql(
            _stamp("6df9422fcb43"),
            undo=(_stamp("00af93df9d77"),),
        ),
        {"schema": "but its number is missing", "canary": "wants 00af93df9d77"},
    ),
    Case(
        "revision of a newer taskflow",
        sql(_stamp("deadbeef"), undo=(_stamp("00af93df9d77"),)),
        {},
        warned={"schema": "the schema is ahead", "canary": "upgrade Octavia here"},
    ),
    Case(
        "no database",
        database_gone,
        {"database": "Unknown database", "canary": "(link persistence)"},
        skipped=("schema",),
    ),
    Case(
        "database server read-only",
        sql("SET GLOBAL read_only = 1", undo=("SET GLOBAL read_only = 0",)),
        {"canary": "read-only"},
    ),
    Case(
        "wrong port of the database",
        database_port,
        {
            "configuration": "persistence_connection differs",
            "canary": "Can't connect to MySQL server",
        },
    ),
    Case(
        "Redis password changed",
        redis_settings(requirepass="another"),
        {"key-value-backend": "password", "canary": "(link jobboard-connect)"},
    ),
    Case(
        "Redis down",
        redis_down,
        {"key-value-backend": "refused", "canary": "(link jobboard-connect)"},
    ),
    Case(
        "Redis a replica",
        redis_replica,
        {"key-value-backend": "it is a replica", "canary": "jobboard-connect"},
    ),
    Case(
        "Redis evicts",
        redis_settings(**{"maxmemory-policy": "allkeys-lru", "maxmemory": "100mb"}),
        {"key-value-backend": "drops Octavia's jobs"},
    ),
    Case(
        "Redis full",
        redis_settings(maxmemory="1"),
        {"key-value-backend": "maxmemory", "canary": "jobboard-connect"},
    ),
    Case(
        "Redis user may not post",
        redis_rights("-incrby"),
        {"key-value-backend": "'incrby'", "canary": "(link jobboard-connect)"},
    ),
    Case(
        "Redis user may not ping",
        redis_rights("-ping"),
        {"key-value-backend": "'ping'", "canary": "(link jobboard-connect)"},
    ),
    Case(
        "Redis user may not trash a job of its own keys",
        redis_rights("resetkeys", "~octavia_jobboard:*", "-hset"),
        {"key-value-backend": "'hset'", "canary": "(link jobboard-connect)"},
    ),
    Case(
        "Redis user may use Octavia's own keys only",
        redis_rights("resetkeys", "~octavia_jobboard:*"),
        {"canary": "NOT PROVEN: Octavia's user may use octavia_jobboard and nothing"},
        warned={"key-value-backend": "nothing was written"},
    ),
    Case(
        "Octavia's Python isn't on the host",
        python_unknown,
        {"canary": "NOT PROVEN: Octavia's Python isn't on this host"},
        skipped=("client-library", "waiting-jobs"),
        warned={"schema": "could not report"},
    ),
    Case(
        "wrong port of Redis",
        set_option("jobboard_backend_port", "1"),
        {"configuration": "jobboard_backend_port is 1", "canary": "jobboard-connect"},
    ),
    Case(
        "another file wins",
        overridden,
        {"configuration": "jobboard_backend_port is 1", "canary": "jobboard-connect"},
    ),
    Case(
        "wrong host of Redis",
        set_option("jobboard_backend_hosts", "127.0.0.9"),
        {"configuration": "jobboard_backend_hosts", "canary": "jobboard-connect"},
    ),
    Case(
        "password of Redis with an unescaped $",
        text("#%$$", "#%$name"),
        {
            "configuration": "jobboard_backend_password is invalid",
            "canary": "jobboard_backend_password is invalid",
        },
    ),
    Case(
        "TLS expected",
        set_option("jobboard_redis_backend_ssl_options", "ssl:True"),
        {"configuration": "ssl_options", "canary": "(link jobboard-connect)"},
    ),
    Case(
        "Sentinel set by hand",
        set_option("jobboard_redis_sentinel", "mymaster"),
        {"configuration": "jobboard_redis_sentinel", "canary": "jobboard-connect"},
    ),
    Case(
        "another namespace",
        set_option("jobboard_backend_namespace", "another"),
        {"configuration": "jobboard_backend_namespace is 'another'"},
    ),
    Case(
        "jobboard disabled",
        set_option("jobboard_enabled", "False"),
        {"configuration": "jobboard_enabled is False, wanted True"},
    ),
    Case(
        "expiration time with a unit",
        set_option("jobboard_expiration_time", "100s"),
        {"configuration": "jobboard_expiration_time is invalid", "canary": "100s"},
    ),
    Case(
        "another driver",
        set_option("jobboard_backend_driver", "etcd_taskflow_driver"),
        {"configuration": "jobboard_backend_driver", "canary": "jobboard-connect"},
    ),
    Case(
        "no such driver",
        set_option("jobboard_backend_driver", "redis"),
        {"configuration": "jobboard_backend_driver is invalid", "canary": "redis"},
    ),
    Case(
        "persistence_connection misspelt",
        text("\npersistence_connection", "\npersistance_connection"),
        {
            "configuration": "persistence_connection differs",
            "canary": "the table logbooks",
        },
    ),
    Case(
        "section misspelt",
        text("\n[task_flow]", "\n[taskflow]"),
        {"configuration": "jobboard_enabled is False", "canary": "the table logbooks"},
    ),
    Case(
        "a line that can't be parsed",
        text("\njobboard_enabled = ", "\njobboard_enabled "),
        {"configuration": "it can't be parsed (line ", "canary": "(line "},
    ),
    Case(
        "malformed posting",
        malformed_posting,
        {"waiting-jobs": "broken ... ends Octavia's conductors ... redis-cli"},
    ),
    Case(
        "client library missing",
        library_hidden,
        {"client-library": "no redis here", "canary": "(link jobboard-driver)"},
    ),
)


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_sabotage(case: Case, cloud: Cloud) -> None:
    """The expected checks fail with their words, and nothing is changed."""
    check(case, cloud)
