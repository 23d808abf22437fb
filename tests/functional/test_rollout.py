# SPDX-License-Identifier: Apache-2.0
"""A roll-out over three controllers, as an operator sees and steers it."""

from typing import Any

import pytest

from tests.functional.site import MakeSite, Site, steps

pytestmark = pytest.mark.timeout(600)  # three controllers, one after the other
HOSTS = ("ctl1", "ctl2", "ctl3")


def _flow(site: Site, host: str) -> dict[str, Any]:
    """The flow ``controller`` of a host, in the report of the job."""
    found: list[dict[str, Any]] = site.show()["flows"]
    return next(flow for flow in found if flow["host"] == host)


def _wait_for_flow(site: Site, host: str, state: str) -> None:
    site.wait_until(lambda: _flow(site, host)["state"] == state, f"{host} is {state}")


def _times_parked(site: Site) -> int:
    events = site.store.events(site.show()["id"])
    return sum(event.kind == "parked" for _, event in events)


def _restarts(site: Site) -> list[str]:
    """The beginnings and ends of restarts, in their order."""
    lines = [line.split() for line in site.ledger]
    return [" ".join(line[:2]) for line in lines if line[1].startswith("restart-")]


def _said(site: Site, *arguments: str, host: str = "", code: int = 0) -> str:
    done = site.cli(*arguments, host=host)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_one_controller_after_the_other(make_site: MakeSite) -> None:
    """First the one that was named first; one that is down comes when it is back."""
    site = make_site(hosts=HOSTS)
    site.gate("restart-ctl3").touch()
    assert "isn't among" in _said(site, "post-job", "--first", "ctl9", code=2)
    _said(site, "post-job", "--first", "ctl3")
    for host in ("ctl1", "ctl3"):
        site.start_conductor(host)
    site.wait_until_begun("restart-ctl3")
    waits = {host: _flow(site, host)["waits_for"] for host in HOSTS}
    assert waits["ctl1"] == "the flow controller/ctl3, which is running: 1 at a time"
    assert waits["ctl2"] == "a conductor on ctl2: none is alive there"
    refused = _said(site, "run", host="ctl2", code=1)
    assert "controller/ctl3 is running. Run it again when that has ended" in refused
    job, own = site.show()["id"], ("--host", "ctl3")
    refused = _said(site, "job", "skip", job, *own, code=1)
    assert "it ends. If that host is lost, run" in refused
    again = ("--flow", "controller", *own, "--from", "restart-octavia-services")
    assert "is carrying" in _said(site, "job", "retry", job, *again, code=1)

    site.gate("restart-ctl3").unlink()
    _wait_for_flow(site, "ctl1", "done")
    assert _flow(site, "ctl2")["state"] == "waiting"
    assert _said(site, "run", "--wait", host="ctl2")
    assert site.show()["state"] == "done"
    assert _restarts(site) == [
        f"{what} restart-{host}"
        for host in ("ctl3", "ctl1", "ctl2")
        for what in ("begin", "end")
    ]


def test_an_operator_steers_the_rest(make_site: MakeSite) -> None:
    """One host fails and is retried in a pause, another one is skipped."""
    site = make_site(hosts=HOSTS)
    _said(site, "post-job")
    site.start_conductor("ctl2")
    _wait_for_flow(site, "ctl2", "done")
    conf = site.octavia_conf("ctl1")
    content = conf.read_bytes()
    conf.write_bytes(content + b"\n[task_flow\n")
    site.start_conductor("ctl1")
    site.wait_for_state("parked")
    assert _flow(site, "ctl3")["waits_for"] == (
        "the flow controller/ctl1, which is parked: after a failure no other one begins"
    )

    job = site.show()["id"]
    resume = ("job", "resume", job, "--host")
    assert "no flow is parked" in _said(site, *resume, "ctl3")
    assert "1 parked flow(s) resumed" in _said(site, *resume, "ctl1")
    site.wait_until(lambda: _times_parked(site) == 2, "ctl1 is parked again")
    retry = ("job", "retry", job, "--flow", "controller", "--host")
    unknown = _said(site, *retry, "ctl1", "--from", "dance", code=1)
    assert "Choose from ensure-client-library, " in unknown
    assert "no flow of this host" in _said(
        site, "job", "skip", job, "--host", "ctl9", code=1
    )
    assert "paused." in _said(site, "job", "pause")
    conf.write_bytes(content)
    _said(site, *retry, "ctl1", "--from", "ensure-client-library")
    assert _flow(site, "ctl1")["state"] == "waiting"
    assert "has paused the job" in _said(site, "job", "show")
    assert "goes on" in _said(site, "job", "unpause")
    _wait_for_flow(site, "ctl1", "done")
    assert steps(site.show(), "controller", "ctl1")[0]["runs"] == 2

    assert "ctl3 is skipped" in _said(site, "job", "skip", job, "--host", "ctl3")
    report = site.wait_for_state("done")
    assert [flow["state"] for flow in report["flows"]] == [
        "done",
        "done",
        "done",
        "skipped",
    ]
    assert site.begun("restart-ctl3") == 0
    assert "it has ended" in _said(site, "job", "pause", job, code=1)
    again = site.cli("post-job", "--wait", "--timeout", "1")
    assert again.returncode == 3, again.stderr
    newer = site.show()["id"]
    assert newer != job
    cancel = ("job", "cancel", newer, "--host", "ctl1")
    assert "1 flow(s) cancelled" in _said(site, *cancel)
    _wait_for_flow(site, "ctl2", "done")
    states = [flow["state"] for flow in site.show()["flows"]]
    assert states == ["done", "cancelled", "done", "waiting"]
