# SPDX-License-Identifier: Apache-2.0
"""The status page of a real conductor, in a real browser, while a host dies.

AMPHV2_SCREENSHOTS=FOLDER stores pictures of it, as doc/source/status-page.rst shows.
"""

import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.functional.site import MakeSite, Site
from tests.functional.status_page import Page
from tests.servers.chromium import Browser, browser
from tests.servers.process import free_port, wait_until

BARS = (
    "[...document.querySelectorAll('[data-lane=\"whole cloud\"] [data-step]')]"
    ".map(bar => [bar.dataset.step, bar.dataset.conductor, bar.dataset.state,"
    " getComputedStyle(bar.querySelector('rect')).fill])"
)
TIMES_ARE_APART = (
    "[...document.querySelectorAll('.axis text:not(.gap)')]"
    ".map(text => text.getBoundingClientRect())"
    ".filter(box => box.width).every((box, n, all) => box.right <= innerWidth"
    " && (n === 0 || all[n - 1].right <= box.left))"
)
STEP = "upgrade-persistence-schema"


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Browser]:
    with browser(tmp_path) as found:
        yield found


def _serve(site: Site) -> dict[str, Page]:
    """Have each conductor serve its page; the pages by host."""
    pages = {host: Page(free_port()) for host in site.hosts}
    for host, page in pages.items():
        bind = {"http_bind": f"127.0.0.1:{page.port}"}
        site.write_configuration(host, {"conductor": bind})
    return pages


def _pictures(page: Browser, own: str) -> None:
    """Store the pictures of the documents, if that is wanted."""
    folder = os.environ.get("AMPHV2_SCREENSHOTS")
    if not folder:
        return
    ended = f"document.querySelector('[data-lane={own}] .chip.done')"
    page.wait_for(f"{ended} !== null", "the survivor's own flow is done")
    looks = {"light": (1180, "light"), "dark": (1180, "dark"), "phone": (390, "light")}
    for name, look in looks.items():
        page.look(*look)
        page.screenshot(Path(folder) / f"status-page-{name}.png", "#conductors")


def _check_numbers(page: Page, own: str, dead: str) -> None:
    """What the survivor's metrics say after the take-over."""
    metrics = page.metrics()
    assert metrics.value("build_info", version=version("amphv2-bootstrap")) == 1
    assert metrics.value("steps_total", outcome="done") >= 1
    assert metrics.value("step_duration_seconds_count", step=STEP) == 1
    assert metrics.value("flow_runs_total", outcome="done") >= 1
    assert metrics.value("lease_renewals_total", result="renewed") >= 1
    assert metrics.value("conductors", state="alive") == 1
    assert metrics.value("database_up") == metrics.value("board_up") == 1
    since = {
        host: metrics.value("conductor_last_seen_seconds", host=host)
        for host in (own, dead)
    }
    assert since[own] < since[dead]


def _check_without_scripts(chromium: Browser, url: str, dead: str) -> None:
    """All lanes are there, and news come, since the page asks for itself again."""
    chromium.allow_scripts(False)
    chromium.open(url)
    assert chromium.run(f"{BARS}.length") > 1
    loaded = "performance.timeOrigin"
    row = f"document.querySelector('tr[data-conductor={dead}]')"
    chromium.wait_for(
        f"{row}.dataset.liveness !== 'alive' && {loaded} > {chromium.run(loaded)}",
        "a later page shows without scripts that the dead conductor is silent",
    )
    chromium.allow_scripts(True)
    chromium.open(url)


def test_a_take_over_is_seen_in_the_browser(
    make_site: MakeSite, chromium: Browser
) -> None:
    """The page shows by itself who died, who took over, and asks nobody else."""
    site = make_site(apart=True)
    pages = _serve(site)
    site.gate("db-manage").touch()
    site.start_conductors()
    assert site.cli("post-job").returncode == 0
    site.wait_until_begun("db-manage")
    holder = str(site.holder())
    other = next(host for host in site.hosts if host != holder)
    page = pages[other]
    wait_until(
        lambda: page.tried("/readyz")[0] == 200, what="the other conductor is ready"
    )
    chromium.look(1180)
    url = f"http://127.0.0.1:{page.port}/"
    chromium.open(url)
    running = f"{BARS}.some(bar => bar[0] === '{STEP}' && bar[2] === 'running')"
    chromium.wait_for(running, "the running step has a bar")

    site.kill(holder)
    site.wait_until(
        lambda: page.metrics().value("lease_renewals_total", result="renewed"),
        "the other conductor has taken the flow, and renews its claim",
    )
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
    _check_without_scripts(chromium, url, holder)
    waits = f"document.body.innerText.includes('waits for a conductor on {holder}')"
    chromium.wait_for(waits, "the page says for whom the dead host's flow waits")
    width = "document.documentElement.scrollWidth <= innerWidth"
    chromium.look(390)
    assert chromium.run(width), "the page is as wide as a phone"
    assert chromium.run(TIMES_ARE_APART), "the times on the axis don't meet"
    chromium.look(1180, "dark")
    _pictures(chromium, other)

    assert chromium.errors == []
    assert {urlsplit(url).netloc for url in chromium.requests} == {
        f"127.0.0.1:{page.port}"
    }
    _check_numbers(page, other, holder)
    assert page.ask("/healthz") == (200, "ok\n")
    assert page.ask("/", {"Host": "evil.example"})[0] == 421
