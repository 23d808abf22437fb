# SPDX-License-Identifier: Apache-2.0
"""The whole main job on one controller, compared with the document done by hand.

Our time is from the post's transaction to the end of the last flow, with a running
conductor and its database on the cloud's own server. It omits what the document has no
counterpart for: the proofs that the jobboard works. There is no service to restart.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from amphv2_bootstrap.engine.description.report import describe
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage.host_reports import HostReports
from benchmarks.figures import Effort, Figure, Row, median, rounded
from benchmarks.servers import Servers
from tests.functional.site import OCTAVIA_CONF, PASSWORD, KeyValue, Site, stopped_at_end
from tests.servers.process import wait_until

PROOFS = ("prove-jobboard", "prove-controller")
"""The steps without a counterpart in the document."""

_BY_HAND = Path(__file__).with_name("by_hand.sh")
_HOST = "ctl1"
# The defaults, except that a conductor soon notices that its host's report is out of
# date.
_PACE = {"conductor": {"poll_interval": "1", "reconcile_interval": "2"}}
_DATABASE = "octavia_persistence"
_PATIENCE = 300.0


@dataclass
class _Times:
    """Seconds of each round."""

    ours: list[float] = field(default_factory=list)
    ours_again: list[float] = field(default_factory=list)
    by_hand: list[float] = field(default_factory=list)
    proofs: list[float] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=dict)


def benchmark(servers: Servers, effort: Effort) -> Figure:
    """``bootstrap_s``: ours, ours again with nothing to do, and by hand."""
    times = _Times()
    with _site(servers) as site:
        _play(site, servers, _Times())  # caches are warm from here on
        for _ in range(effort.of(7, 1)):
            _play(site, servers, times)
    return _figure(times)


def _figure(times: _Times) -> Figure:
    found = {
        "ours": median(times.ours),
        "ours_again": median(times.ours_again),
        "by_hand": median(times.by_hand),
    }
    first = rounded(found["ours"] / found["by_hand"])
    again = rounded(found["ours_again"] / found["by_hand"])
    steps = {name: median(each) for name, each in times.steps.items()}
    rows = (
        Row("ours", found["ours"], "s"),
        Row("ours, with nothing to do", found["ours_again"], "s"),
        Row("by hand", found["by_hand"], "s"),
        Row("ours / by hand", first, "times", 1.3),
        Row("ours again / by hand", again, "times", 0.7),
        Row("the proofs, left out of ours", median(times.proofs), "s"),
    )
    values = {
        **found,
        "ours_by_hand": first,
        "ours_again_by_hand": again,
        "proofs": median(times.proofs),
        "ours_by_step": steps,
    }
    return Figure("bootstrap_s", values, rows)


def _play(site: Site, servers: Servers, times: _Times) -> None:
    """One round: ours and by hand on a clean cloud, ours again after ours."""
    _clean(site)
    began = time.monotonic()
    report = _post(site)
    times.ours.append(_seconds(report))
    times.proofs.append(_proofs(report))
    for name, seconds in _steps(report).items():
        times.steps.setdefault(name, []).append(seconds)
    _let_report(site, began)
    times.ours_again.append(_seconds(_post(site)))
    _clean(site)
    times.by_hand.append(_by_hand(site, servers))


@contextlib.contextmanager
def _site(servers: Servers) -> Iterator[Site]:
    """One controller with a running conductor."""
    redis = servers.redis
    octavia = Path(os.environ["AMPHV2_OCTAVIA_VENV"]) / "bin"
    site = Site(
        folder=servers.new_folder(),
        mariadb=servers.mariadb,
        key_value=KeyValue("redis", redis.port, redis.password),
        board={"jobboard_expiration_time": "10"},
        engine_url=servers.database_url("amphv2_engine"),
        db_manage=str(octavia / "octavia-db-manage"),
        hosts=(_HOST,),
    )
    with stopped_at_end(site):
        site.write_configuration(_HOST, _PACE)
        _checked(site, "db", "upgrade")
        site.start_conductor(_HOST)
        wait_until(lambda: site.store.conductors(), what="the conductor serves")
        yield site


def _checked(site: Site, *arguments: str) -> None:
    done = site.cli(*arguments)
    assert done.returncode == 0, done.stderr


def _let_report(site: Site, since: float) -> None:
    """Wait until the conductor has reported on the files that changed ``since``.

    During a measurement, its report would use one of the cores.
    """
    reports = HostReports(site.store.database, Key)
    wait_until(
        lambda: any(each.age < time.monotonic() - since for each in reports.all()),
        what="the conductor has reported",
    )


def _clean(site: Site) -> None:
    """Remove what the document makes; the engine's database stays."""
    began = time.monotonic()
    server = site.mariadb
    server.execute(f"DROP DATABASE IF EXISTS {_DATABASE}")
    for host in ("localhost", "%"):
        server.execute("DROP USER IF EXISTS 'octavia'@%s", (host,))
    site.octavia_conf(_HOST).write_bytes(OCTAVIA_CONF.read_bytes())
    _let_report(site, began)


def _post(site: Site) -> dict[str, Any]:
    """Post, and wait for the end; the report of the job."""
    _checked(site, "post-job")
    posted = site.store.resolve(None)
    wait_until(
        lambda: site.store.job(posted.uuid).finished_at,
        what="the job is done",
        timeout=_PATIENCE,
    )
    return describe(site.store, site.store.resolve(posted.uuid))


def _seconds(report: Mapping[str, Any]) -> float:
    """From the post to the end, by the database's clock, without the proofs."""
    assert report["state"] == "done", report
    return _between(report["posted_at"], report["finished_at"]) - _proofs(report)


def _steps(report: Mapping[str, Any]) -> dict[str, float]:
    """Seconds of each step, and of the time between them."""
    found = {
        f"{flow['name']}/{task['name']}": float(task["seconds"])
        for flow in report["flows"]
        for task in flow["tasks"]
    }
    whole = _between(report["posted_at"], report["finished_at"])
    return {**found, "between the steps": whole - sum(found.values())}


def _between(start: str, end: str) -> float:
    took = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return took.total_seconds()


def _proofs(report: Mapping[str, Any]) -> float:
    tasks = [task for flow in report["flows"] for task in flow["tasks"]]
    return sum(float(task["seconds"]) for task in tasks if task["name"] in PROOFS)


def _by_hand(site: Site, servers: Servers) -> float:
    server = site.mariadb
    account = f"octavia:{quote(PASSWORD, safe='')}"
    env = {
        **os.environ,
        "MYSQL_HOST": server.host,
        "MYSQL_TCP_PORT": str(server.port),
        "MYSQL_PWD": server.root_password,
        "OCTAVIA_CONF": str(site.octavia_conf(_HOST)),
        "DB_MANAGE": site.db_manage,
        "PASSWORD": PASSWORD,
        "URL": f"mysql+pymysql://{account}@{server.host}:{server.port}/{_DATABASE}",
        "REDIS_PORT": str(servers.redis.port),
        "REDIS_PASSWORD": servers.redis.password.replace("$", "$$"),
    }
    began = time.perf_counter()
    done = subprocess.run([_BY_HAND], env=env, capture_output=True, check=False)
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stderr.decode()
    assert server.execute(f"SHOW TABLES IN {_DATABASE} LIKE 'logbooks'")
    return took
