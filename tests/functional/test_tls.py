# SPDX-License-Identifier: Apache-2.0
"""A bootstrap in which every connection is verified TLS with a client certificate."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.functional.site import PASSWORD, KeyValue, Site, steps, stopped_at_end
from tests.servers.certificates import Authority, Tls
from tests.servers.mariadb import MariaDB, tls_arguments
from tests.servers.redis import Sentinels, ssl_options

ACCOUNTS = {
    "boss": "ALL PRIVILEGES ON *.*",
    "engine": "ALL PRIVILEGES ON amphv2_engine.*",
    "octavia": "USAGE ON *.*",
}
"""All demand a client certificate. The main database of Octavia has its account."""


@dataclass
class TlsSite(Site):
    """A site on a MariaDB, a Redis and a Sentinel that demand client certificates."""

    tls: Tls = dataclasses.field(kw_only=True)
    cloud: Sentinels = dataclasses.field(kw_only=True)

    def url(self, user: str, database: str = "") -> str:
        account = f"{user}:{quote(PASSWORD, safe='')}"
        place = f"{self.mariadb.host}:{self.mariadb.port}/{database}"
        query = urlencode(tls_arguments(self.tls.authority, self.tls.client), safe="/")
        return f"mysql+pymysql://{account}@{place}?{query}"

    def persistence_connection(self, password: str = PASSWORD) -> str:
        return self.url("octavia", "octavia_persistence")

    def configuration(self, host: str) -> dict[str, dict[str, str]]:
        found = super().configuration(host)
        found["octavia"]["admin_connection"] = self.url("boss")
        found["octavia"] |= self.redis("octavia_jobboard")
        found["task_flow"] |= self.redis("amphv2_bootstrap")
        found["task_flow"]["persistence_connection"] = self.engine_url
        return found

    def redis(self, namespace: str) -> dict[str, str]:
        """The options of a jobboard under Sentinel."""
        pairs = ",".join(f"{k}:{v}" for k, v in ssl_options(self.tls).items())
        secret = self.cloud.sentinel_password.replace("$", "$$")
        return {
            "jobboard_backend_driver": "redis_taskflow_driver",
            "jobboard_backend_hosts": "127.0.0.1",
            "jobboard_backend_port": str(self.cloud.sentinels[0].port),
            "jobboard_backend_password": self.cloud.password.replace("$", "$$"),
            "jobboard_backend_namespace": f"{namespace}_{self.folder.parent.name}",
            "jobboard_redis_backend_ssl_options": pairs,
            "jobboard_redis_sentinel": self.cloud.name,
            "jobboard_redis_sentinel_password": secret,
            "jobboard_redis_sentinel_ssl_options": pairs,
        }


@pytest.fixture
def site(
    tmp_path: Path,
    tls_mariadb: MariaDB,
    tls_sentinels: Sentinels,
    tls: Tls,
    octavia_bin: Path,
) -> Iterator[TlsSite]:
    """Two hosts, and accounts that demand a client certificate."""
    tls_mariadb.clean()
    tls_mariadb.test_began = tls_mariadb.mark()
    tls_mariadb.execute("CREATE DATABASE amphv2_engine")
    for user, rights in ACCOUNTS.items():
        for host in ("localhost", "%"):
            tls_mariadb.execute(
                f"GRANT {rights} TO %s@%s IDENTIFIED BY %s REQUIRE X509"
                " WITH GRANT OPTION",
                (user, host, PASSWORD),
            )
    made = TlsSite(
        folder=tmp_path / "site",
        mariadb=tls_mariadb,
        key_value=KeyValue("redis", tls_sentinels.sentinels[0].port),
        board={},
        db_manage=str(octavia_bin / "octavia-db-manage"),
        tls=tls,
        cloud=tls_sentinels,
    )
    made.engine_url = made.url("engine", "amphv2_engine")
    with stopped_at_end(made):
        yield made
    tls_mariadb.clean()


def test_a_bootstrap_over_tls_alone(site: TlsSite) -> None:
    """Commands, conductors, octavia-db-manage and the canaries all connect."""
    upgraded = site.cli("db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    posted = site.cli("post-job")
    assert posted.returncode == 0, posted.stderr
    site.start_conductors()
    report = site.wait_for_state("done", timeout=400)
    assert "by verified TLS" in str(steps(report, "cloud")[0])
    assert site.begun("db-manage") == 1

    plan = site.cli("plan")
    assert plan.returncode == 0, plan.stdout + plan.stderr
    verify = site.cli("verify")
    assert verify.returncode == 0, verify.stdout + verify.stderr
    assert "by verified TLS" in verify.stdout
    assert "certificate" not in verify.stdout


@pytest.mark.parametrize("command", ["db upgrade", "post-job", "job list", "verify"])
def test_commands_name_a_certificate_that_is_refused(
    command: str, site: TlsSite, tmp_path: Path
) -> None:
    """Each ends at once, with the advice, if the authority is another one."""
    assert site.cli("db", "upgrade").returncode == 0
    stranger = Authority(tmp_path / "stranger")
    site.tls = dataclasses.replace(site.tls, authority=stranger)
    site.engine_url = site.url("engine", "amphv2_engine")
    for host in site.hosts:
        site.write_configuration(host)
    done = site.cli(*command.split())
    assert done.returncode == 1, done.stdout + done.stderr
    shown = " ".join((done.stdout + done.stderr).split())
    assert "name the file of the right one in the TLS options" in shown
    assert "Traceback" not in done.stderr
