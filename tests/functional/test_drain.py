# SPDX-License-Identifier: Apache-2.0
"""Draining a host, as an operator does it while conductors run."""

import json

from tests.functional.site import MakeSite, Site


def _said(site: Site, *arguments: str, host: str = "", code: int = 0) -> str:
    done = site.cli(*arguments, host=host)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def _rows(site: Site) -> dict[str, dict[str, object]]:
    found = json.loads(site.cli("conductor", "list", "-f", "json").stdout)
    return {row["host"]: row for row in found}


def test_a_drained_host_lets_the_others_go_first(make_site: MakeSite) -> None:
    """It ends the flow that it holds; list, show and run say that it is drained."""
    site = make_site()
    unknown = _said(site, "conductor", "drain", "ctl9", code=1)
    assert "find the host (ctl9)" in unknown
    assert "Choose from ctl1, ctl2." in unknown
    assert "isn't drained; nothing to do" in _said(site, "conductor", "undrain", "ctl2")
    site.gate("restart-ctl1").touch()
    assert "conductor undrain ctl2" in _said(site, "conductor", "drain", "ctl2")
    _said(site, "post-job", "--first", "ctl2")
    site.start_conductors()
    site.wait_until_begun("restart-ctl1")
    both = _said(site, "conductor", "drain", "ctl1")
    assert "Until its end goes on: controller/ctl1." in both
    again = _said(site, "conductor", "drain", "ctl1")
    assert "was drained before; nothing to do" in again
    row = _rows(site)["ctl1"]
    assert (row["flows"], row["database"]) == ("controller/ctl1", "reachable")
    assert (row["board"], bool(row["drained_by"])) == ("reachable", True)

    site.gate("restart-ctl1").unlink()
    flows = {flow["host"]: flow for flow in site.show()["flows"]}
    site.wait_until(
        lambda: site.show()["flows"][-1]["state"] == "done", "ctl1's flow is done"
    )
    site.kill("ctl2")
    site.start_conductor("ctl2")  # a restart keeps it
    flows = {flow["host"]: flow for flow in site.show()["flows"]}
    assert flows["ctl2"]["state"] == "waiting"
    assert flows["ctl2"]["waits_for"].startswith("'conductor undrain ctl2': ")
    refused = _said(site, "run", host="ctl2", code=1)
    assert "has drained this host" in refused

    assert "claims again" in _said(site, "conductor", "undrain", "ctl2")
    site.wait_for_state("done")
    assert "ctl1" in _said(site, "conductor", "undrain", "ctl1")
