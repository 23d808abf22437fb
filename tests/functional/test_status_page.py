# SPDX-License-Identifier: Apache-2.0
"""The status page of a real conductor, in a real browser, while a host dies.

AMPHV2_SCREENSHOTS=FOLDER stores pictures of it, as doc/source/status-page.rst shows.
"""

import http.client
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.functional.site import MakeSite, Site
from tests.servers.chromium import Browser, browser
from tests.servers.process import free_port, wait_until

BARS = (
    "[...document.querySelectorAll('[data-lane=\"whole cloud\"] [data-step]')]"
    ".map(bar => [bar.dataset.step, bar.dataset.conductor, bar.dataset.state,"
    " getComputedStyle(bar.querySelector('rect')).fill])"
)
STEP = "upgrade-persistence-schema"


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Browser]:
    with browser(tmp_path) as found:
        yield found


def _serve(site: Site) -> dict[str, int]:
    """Have each conductor serve its page; the ports by host."""
    ports = {host: free_port() for host in site.hosts}
    for host, port in ports.items():
        bind = {"http_bind": f"127.0.0.1:{port}"}
        site.write_configuration(host, {"conductor": bind})
    return ports


def _get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def _is_ready(port: int) -> bool:
    try:
        return _get(port, "/readyz")[0] == 200
    except OSError:
        return False


def _pictures(page: Browser) -> None:
    """Store the pictures of the documents, if that is wanted."""
    folder = os.environ.get("AMPHV2_SCREENSHOTS")
    if not folder:
        return
    looks = {"light": (1180, "light"), "dark": (1180, "dark"), "phone": (390, "light")}
    for name, look in looks.items():
        page.look(*look)
        page.screenshot(Path(folder) / f"status-page-{name}.png", "#conductors")


def test_a_take_over_is_seen_in_the_browser(
    make_site: MakeSite, chromium: Browser
) -> None:
    """The page shows by itself who died, who took over, and asks nobody else."""
    site = make_site(apart=True)
    ports = _serve(site)
    site.gate("db-manage").touch()
    site.start_conductors()
    assert site.cli("post-job").returncode == 0
    site.wait_until_begun("db-manage")
    holder = str(site.holder())
    other = next(host for host in site.hosts if host != holder)
    wait_until(lambda: _is_ready(ports[other]), what="the conductor is ready")
    chromium.look(1180)
    chromium.open(f"http://127.0.0.1:{ports[other]}/")
    running = f"{BARS}.some(bar => bar[0] === '{STEP}' && bar[2] === 'running')"
    chromium.wait_for(running, "the running step has a bar")

    site.kill(holder)
    site.gate("db-manage").unlink()
    done = f"{BARS}.some(bar => bar[0] === '{STEP}' && bar[2] === 'done')"
    chromium.wait_for(done, "the page shows that the step was done by the other host")
    lanes = "[...document.querySelectorAll('[data-lane]')].map(l => l.dataset.lane)"
    assert chromium.run(lanes) == ["whole cloud", *sorted(site.hosts)]
    bars = [bar for bar in chromium.run(BARS) if bar[0] == STEP]
    assert [bar[1:3] for bar in bars] == [[holder, "cut off"], [other, "done"]]
    assert bars[0][3] != bars[1][3]
    marks = (
        "[...document.querySelectorAll('[data-takeover]')].map(m => m.dataset.takeover)"
    )
    assert chromium.run(marks) == [f"{holder} {other}"]
    silent = f"document.querySelector('tr[data-conductor={holder}]').dataset.liveness"
    chromium.wait_for(
        f"{silent} !== 'alive'", "the dead conductor is seen to be silent"
    )
    waits = f"document.body.innerText.includes('waits for a conductor on {holder}')"
    chromium.wait_for(waits, "the page says for whom the dead host's flow waits")
    width = "document.documentElement.scrollWidth <= innerWidth"
    chromium.look(390)
    assert chromium.run(width), "the page is as wide as a phone"
    chromium.look(1180, "dark")
    _pictures(chromium)

    assert chromium.errors == []
    assert {urlsplit(url).netloc for url in chromium.requests} == {
        f"127.0.0.1:{ports[other]}"
    }
    status, text = _get(ports[other], "/metrics")
    assert status == 200
    assert 'amphv2_steps_total{outcome="done"}' in text
    assert _get(ports[other], "/healthz") == (200, "ok\n")
