# SPDX-License-Identifier: Apache-2.0
"""Where the services don't stay up with the jobboard, the former file is put back."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.site import MakeSite, Site, steps

_SERVICE = """
import os, sys, time
crashes = b"jobboard_enabled = True" in open(sys.argv[1], "rb").read()
while True:
    if os.fork() == 0:
        time.sleep(0.3 if crashes else 3600)
        os._exit(1)
    os.wait()
"""
"""As octavia-worker: the first process stays up while those that it forks crash."""

_DOCKER = """#!/bin/sh
# Runs the service as the container of that name, and says whether it runs.
cd "$(dirname "$0")"
case $1 in
restart)
    echo restart >>story
    [ ! -e pid ] || kill -9 -"$(cat pid)"
    setsid {python} service.py octavia.conf </dev/null >/dev/null 2>&1 &
    echo $! >pid ;;
container)
    echo '[{{"State": {{"Running": true, "Pid": '"$(cat pid)"'}}}}]' ;;
esac
"""


def _install(site: Site, host: str) -> Path:
    """Give a host its container, and commands around a restart; returns the story."""
    home = site.folder / host
    (home / "service.py").write_text(_SERVICE)
    (home / "docker").write_text(_DOCKER.format(python=sys.executable))
    (home / "docker").chmod(0o755)
    story = home / "story"
    changes = {
        "restart_commands": f"{home}/docker restart octavia_worker",
        "before_restart": f"sh -c 'echo out >>{story}'",
        "after_restart": f"sh -c 'echo in >>{story}'",
    }
    site.write_configuration(host, {"octavia": changes})
    return story


@pytest.fixture
def site(make_site: MakeSite) -> Iterator[Site]:
    site = make_site(hosts=("ctl1", "ctl2"))
    yield site
    pid = site.folder / "ctl2" / "pid"
    if pid.exists():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(pid.read_text()), signal.SIGKILL)


def test_a_controller_that_fails_goes_back_and_the_others_stay(site: Site) -> None:
    """The same rules hold for the restart with the former file; the job says so."""
    story = _install(site, "ctl2")
    former = site.octavia_conf("ctl2").read_bytes()
    assert site.cli("run", "--on-failure", "revert").returncode == 0
    done = site.cli("run", "--on-failure", "revert", host="ctl2")
    assert done.returncode == 1, done.stderr
    assert site.octavia_conf("ctl2").read_bytes() == former
    assert story.read_text().split() == ["out", "restart", *("out", "restart", "in")]
    flows = {flow["host"]: flow for flow in site.show()["flows"]}
    assert [flows[host]["state"] for host in ("ctl1", "ctl2")] == ["done", "reverted"]
    assert "the processes that it forks end" in flows["ctl2"]["reason"]
    (undone,) = [
        task["summary"]
        for task in steps(site.show(), "controller", "ctl2")
        if task["name"] == "write-octavia-configuration"
    ]
    conf = site.octavia_conf("ctl2")
    assert undone == f"put back {conf}; ran the restart commands (1)"
    assert b"jobboard_enabled = True" in site.octavia_conf("ctl1").read_bytes()
