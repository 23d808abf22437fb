# SPDX-License-Identifier: Apache-2.0
"""``post-job --wait`` and ``job watch``, as an operator sees them."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from amphv2_bootstrap.engine.records import FlowState
from amphv2_bootstrap.engine.storage.journal import Journal
from tests.conversation import on_terminal
from tests.functional.site import MakeSite, Site
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until
from tests.servers.proxy import Proxy, running_proxy


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
    """For a parked job, ``job watch`` exits with 1 at once, with the reason.

    ``job show`` has the state in red, but not where NO_COLOR is set; and the lines of
    ``job history`` fit the terminal.
    """
    mariadb.execute("CREATE USER octavia@'%' IDENTIFIED BY 'another'")
    site = make_site(hosts=("ctl1",))
    assert site.cli("run").returncode == 1
    code, text = _on_terminal(site, "job", "watch")
    assert code == 1
    assert "another password; this program does not reset it" in text
    assert "amphv2-bootstrap job resume" in text
    assert "cloud: \x1b[31mparked\x1b[0m\n" in _shown(site, "show")
    assert "\x1b" not in _shown(site, "show", NO_COLOR="1")
    told = _shown(site, "history")
    assert "event: parked" in told
    assert max(map(len, told.splitlines())) <= 80


def _shown(site: Site, command: str, **env: str) -> str:
    """What a terminal with colours and 80 columns shows of the job."""
    narrow = ("sh", "-c", 'stty cols 80; exec "$@"', "sh")
    env = {**os.environ, "NO_COLOR": "", "TERM": "xterm-256color", **env}
    return on_terminal([*narrow, *site.command("ctl1", "job", command)], env=env)[1]


@dataclass
class Cut:
    """A job that waits for conductors; ``ctl2``'s way to the database can be cut."""

    site: Site
    proxy: Proxy

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command on ctl2; :meth:`said` is what it writes to stderr."""
        with self._stderr.open("w") as stderr:
            return subprocess.Popen(
                self.site.command("ctl2", *arguments, "-f", "json"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    @property
    def said(self) -> str:
        return self._stderr.read_text()

    def wait_until_said(self, text: str) -> None:
        wait_until(
            lambda: text in self.said, what=f"it says {text!r}", state=lambda: self.said
        )

    def end_job(self) -> None:
        """Write that every flow is done, as conductors would."""
        store = self.site.store
        journal = Journal(store.database, "tester:1:none:0")
        while live := store.live_flow_runs():
            for flow_run in live:
                taken = journal.take(flow_run.uuid)
                assert taken is not None
                journal.settle(taken, FlowState.DONE)

    @property
    def _stderr(self) -> Path:
        return self.site.folder / "stderr"


@pytest.fixture
def cut(make_site: MakeSite, mariadb: MariaDB) -> Iterator[Cut]:
    site = make_site(engine="mariadb")
    with running_proxy(mariadb.host, mariadb.port) as proxy:
        through = site.engine_url.replace(f":{mariadb.port}/", f":{proxy.port}/")
        own = {"task_flow": {"persistence_connection": through}}
        # No conductor is alive, to which a controller's flow could be released.
        at_once = {"octavia": {"controllers_at_once": "0"}}
        site.write_configuration("ctl1", at_once)
        site.write_configuration("ctl2", own | at_once)
        assert site.cli("post-job").returncode == 0
        yield Cut(site, proxy)


WAITING = "waiting until it is back"


@pytest.mark.parametrize(
    "command", ["job show", "job watch", "post-job --wait"], ids=str
)
def test_an_outage_at_the_start_is_outlasted(cut: Cut, command: str) -> None:
    """The command says once that it waits, and does its work afterwards."""
    cut.proxy.cut()
    process = cut.start(*command.split())
    cut.wait_until_said(WAITING)
    cut.proxy.heal()
    if command != "job show":
        cut.wait_until_said("cloud: ready")
    cut.end_job()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, cut.said
    assert json.loads(out)["id"] == cut.site.show()["id"]
    assert cut.said.count(WAITING) == 1


@pytest.mark.parametrize("command", ["job watch", "post-job --wait"], ids=str)
def test_an_outage_in_the_middle_is_outlasted(cut: Cut, command: str) -> None:
    """What happened meanwhile is shown when the database is back."""
    process = cut.start(*command.split())
    cut.wait_until_said("cloud: ready")
    cut.proxy.cut()
    cut.wait_until_said("trying again")
    cut.end_job()
    cut.proxy.heal()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, cut.said
    assert json.loads(out)["state"] == "done"
    assert cut.said.count("trying again") == 1


def test_waiting_for_the_database_can_be_ended(cut: Cut) -> None:
    """By Ctrl-C, as everywhere; by --timeout with its own exit code."""
    cut.proxy.cut()
    process = cut.start("job", "watch")
    cut.wait_until_said(WAITING)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert "Traceback" not in cut.said
    process = cut.start("job", "watch", "--timeout", "1")
    process.communicate(timeout=60)
    assert process.returncode == 3


def test_a_refused_login_is_not_waited_for(cut: Cut) -> None:
    """A wrong password doesn't go away: exit code 1 at once."""
    server, _, database = cut.site.engine_url.rpartition("@")[2].partition("/")
    wrong = f"mysql+pymysql://root:wrong@{server}/{database}"
    options = {"task_flow": {"persistence_connection": wrong}}
    cut.site.write_configuration("ctl2", options)
    process = cut.start("job", "watch")
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Access denied" in cut.said
    assert WAITING not in cut.said
