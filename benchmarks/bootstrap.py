# SPDX-License-Identifier: Apache-2.0
"""The whole main job on one controller, compared with the document done by hand.

Our time is from the post's transaction to the end of the last flow, with a running
conductor and its database on the cloud's own server. ``ours`` omits what the document
has no counterpart for: the proofs that the jobboard works. With Redis and with
ZooKeeper, the whole job has them. There is no service to restart.
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
    whole: list[float] = field(default_factory=list)
    zookeeper: list[float] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=dict)


def benchmark(servers: Servers, effort: Effort) -> Figure:
    """``bootstrap_s``: ours, ours again with nothing to do, and by hand."""
    times = _Times()
    redis = KeyValue("redis", servers.redis.port, servers.redis.password)
    zookeeper = KeyValue("zookeeper", servers.zookeeper.port)
    with _site(servers, redis) as site, _site(servers, zookeeper) as other:
        _play(site, other, servers, _Times())  # caches are warm from here on
        for _ in range(effort.of(7, 1)):
            _play(site, other, servers, times)
    return _figure(times)


def _figure(times: _Times) -> Figure:
    found = {
        "ours": median(times.ours),
        "ours_again": median(times.ours_again),
        "by_hand": median(times.by_hand),
        "whole_on_redis": median(times.whole),
        "whole_on_zookeeper": median(times.zookeeper),
    }
    by_hand = {name: rounded(value / found["by_hand"]) for name, value in found.items()}
    steps = {name: median(each) for name, each in times.steps.items()}
    rows = (
        Row("ours", found["ours"], "s"),
        Row("ours, with nothing to do", found["ours_again"], "s"),
        Row("by hand", found["by_hand"], "s"),
        Row("ours / by hand", by_hand["ours"], "times", 1.3),
        Row("ours again / by hand", by_hand["ours_again"], "times", 0.7),
        *_rows_of_whole("Redis", found["whole_on_redis"], 5, by_hand["whole_on_redis"]),
        *_rows_of_whole(
            "ZooKeeper", found["whole_on_zookeeper"], 9, by_hand["whole_on_zookeeper"]
        ),
    )
    values = {**found, "by_hand_ratios": by_hand, "ours_by_step": steps}
    return Figure("bootstrap_s", values, rows)


def _rows_of_whole(name: str, seconds: float, most: float, ratio: float) -> list[Row]:
    return [
        Row(f"with the proofs, on {name}", seconds, "s", most),
        Row("  by hand", ratio, "times"),
    ]


def _play(site: Site, other: Site, servers: Servers, times: _Times) -> None:
    """One round: ours and by hand on a clean cloud, ours again after ours.

    ``other`` is that cloud with another key-value backend.
    """
    _clean(site)
    began = time.monotonic()
    report = _post(site)
    times.whole.append(_whole(report))
    times.ours.append(_whole(report) - _proofs(report))
    for name, seconds in _steps(report).items():
        times.steps.setdefault(name, []).append(seconds)
    _let_report(site, began)
    again = _post(site)
    times.ours_again.append(_whole(again) - _proofs(again))
    _clean(site)
    times.by_hand.append(_by_hand(site, servers))
    _clean(other)
    times.zookeeper.append(_whole(_post(other)))


@contextlib.contextmanager
def _site(servers: Servers, key_value: KeyValue) -> Iterator[Site]:
    """One controller with a running conductor."""
    octavia = Path(os.environ["AMPHV2_OCTAVIA_VENV"]) / "bin"
    site = Site(
        folder=servers.new_folder(),
        mariadb=servers.mariadb,
        key_value=key_value,
        board={"jobboard_expiration_time": "10"},
        engine_url=servers.database_url(f"engine_{key_value.driver}"),
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

    def is_finished() -> bool:
        time.sleep(0.2)  # looking without pause would use a part of a core
        return site.store.job(posted.uuid).finished_at is not None

    wait_until(
        is_finished,
        what="the job is done",
        timeout=_PATIENCE,
    )
    return describe(site.store, site.store.resolve(posted.uuid))


def _whole(report: Mapping[str, Any]) -> float:
    """Seconds from the post to the end, by the database's clock."""
    assert report["state"] == "done", report
    return _between(report["posted_at"], report["finished_at"])


def _steps(report: Mapping[str, Any]) -> dict[str, float]:
    """Seconds of each step, and of the time between them."""
    found = {
        f"{flow['name']}/{task['name']}": float(task["seconds"])
        for flow in report["flows"]
        for task in flow["tasks"]
    }
    return {**found, "between the steps": _whole(report) - sum(found.values())}


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
