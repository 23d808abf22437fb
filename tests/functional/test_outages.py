# SPDX-License-Identifier: Apache-2.0
"""Servers of the cloud are away while a job runs: it waits, says so, and goes on."""

from collections.abc import Callable
from pathlib import Path

from tests.functional.site import KeyValue, Site, steps
from tests.servers.redis import RedisServer, running_redis

MakeSite = Callable[..., Site]
# With half a second at first, doubled each time, five attempts took 4 s.
_ATTEMPTS = 6


def _outage(site: Site, redis: RedisServer, step: str) -> None:
    """Wait until the step was tried often, and ``job show`` says so; end the outage."""

    def tried() -> int:
        lines = site.log("ctl1").read_text().splitlines()
        return sum(f"{step}: " in line and "trying again" in line for line in lines)

    what = f"{step} was tried again"
    site.wait_until(lambda: tried() >= _ATTEMPTS, what)
    lines = site.cli("job", "show").stdout.splitlines()
    (line,) = (line for line in lines if line.split()[:1] == [step])
    assert "running" in line
    assert "retrying since" in line
    assert "Connection refused" in line
    redis.start()


def test_a_redis_that_is_away_parks_nothing(
    make_site: MakeSite, tmp_path: Path
) -> None:
    """Before the first step, or before the proof: the job is done afterwards."""
    site = make_site(hosts=("ctl1",))
    with running_redis(tmp_path / "redis") as redis:
        site.key_value = KeyValue("redis", redis.port, redis.password)
        site.write_configuration("ctl1")
        redis.kill()
        site.gate("db-manage").touch()
        site.start_conductor("ctl1")
        assert site.cli("post-job").returncode == 0
        _outage(site, redis, "check-prerequisites")
        site.wait_until_begun("db-manage")
        redis.kill()
        site.gate("db-manage").unlink()
        _outage(site, redis, "prove-jobboard")
        report = site.wait_for_state("done")
    for step in (*steps(report, "cloud"), *steps(report, "controller")):
        assert (step["state"], step["runs"]) == ("SUCCESS", 1)
        assert (step["retrying_since"], step["retrying_why"]) == (None, None)
    events = [event for _, event in site.store.events(report["id"])]
    assert "parked" not in [event.kind for event in events]
    retries = [event.atom for event in events if event.kind == "retrying"]
    assert len(retries) < 2 * _ATTEMPTS
