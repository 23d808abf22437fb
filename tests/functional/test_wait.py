# SPDX-License-Identifier: Apache-2.0
"""``post-job --wait`` and ``job watch``, as an operator sees them."""

import json
import os
import subprocess

from tests.functional.site import MakeSite, Site
from tests.servers.mariadb import MariaDB


def _on_terminal(site: Site, *arguments: str) -> tuple[int, str]:
    """Run a command with a terminal as stderr; its exit code and stderr."""
    ours, other = os.openpty()
    process = subprocess.Popen(
        site.command("ctl1", *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=other,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    os.close(other)
    text = bytearray()
    try:
        while block := os.read(ours, 4096):
            text += block
    except OSError:  # on Linux: the other end is closed
        pass
    os.close(ours)
    return process.wait(30), text.decode().replace("\r", "")


def test_a_terminal_shows_why_a_job_is_parked(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """Step, reason, advice and the command to resume follow the bar."""
    mariadb.execute("CREATE USER octavia@'%' IDENTIFIED BY 'another'")
    site = make_site(hosts=("ctl1",))
    site.start_conductor("ctl1")
    code, text = _on_terminal(site, "post-job", "--wait")
    assert code == 1
    _, _, end = text.rpartition("cloud: parked")
    assert "step:   ensure-database-accounts on ctl1" in end
    assert "another password; this program does not reset it" in end
    assert "ALTER USER 'octavia'@'%'" in end
    assert f"amphv2-bootstrap job resume {site.show()['id']}" in end


def test_waiting_without_a_conductor_says_what_to_start(make_site: MakeSite) -> None:
    """Without a conductor, the advice names the hosts, once."""
    site = make_site()
    done = site.cli("post-job", "--wait", "--timeout", "12")
    assert done.returncode == 3
    assert done.stderr.count("No conductor is alive") == 1
    assert "Of ctl1, ctl2, choose one" in done.stderr


def test_a_job_that_was_posted_is_watched(make_site: MakeSite) -> None:
    """From any host, ``job watch`` exits with 3 at its timeout, with 0 at the end."""
    site = make_site()
    posted = json.loads(site.cli("post-job", "-f", "json").stdout)
    early = site.cli("job", "watch", "--timeout", "0.5", "-f", "json", host="ctl2")
    assert early.returncode == 3
    assert json.loads(early.stdout)["state"] == "ready"
    site.start_conductors()
    done = site.cli("job", "watch", posted["id"][:8], "-f", "json", host="ctl2")
    assert done.returncode == 0, done.stderr
    head = json.loads(done.stdout)
    assert (head["id"], head["state"]) == (posted["id"], "done")
    assert "prove-controller" in done.stderr


def test_a_job_that_is_parked_is_watched(make_site: MakeSite, mariadb: MariaDB) -> None:
    """For a parked job, ``job watch`` exits with 1 at once, with the reason."""
    mariadb.execute("CREATE USER octavia@'%' IDENTIFIED BY 'another'")
    site = make_site(hosts=("ctl1",))
    assert site.cli("run").returncode == 1
    code, text = _on_terminal(site, "job", "watch")
    assert code == 1
    assert "another password; this program does not reset it" in text
    assert "amphv2-bootstrap job resume" in text
