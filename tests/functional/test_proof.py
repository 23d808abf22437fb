# SPDX-License-Identifier: Apache-2.0
"""What the controllers' canaries leave to the cloud's."""

import threading
from pathlib import Path

from tests.functional.site import MakeSite, Site


def _proof(site: Site, flow: str, host: str | None = None) -> str:
    """The summary of the flow's last step with a canary."""
    (found,) = (
        task["summary"]
        for each in site.show()["flows"]
        if (each["name"], each["host"]) == (flow, host)
        for task in each["tasks"]
        if task["name"].startswith("prove-")
    )
    return str(found)


def _python_with_another_client(site: Site, host: str) -> Path:
    """Octavia's Python, in which redis-py says that it is of another version."""
    folder = site.folder / host / "more"
    metadata = folder / "redis-9.9.9.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: redis\nVersion: 9.9.9\n")
    python = site.folder / host / "python"
    real = Path(site.db_manage).with_name("python")
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {real} "$@"\n')
    python.chmod(0o755)
    return python


def test_only_a_controller_with_other_versions_lets_a_claim_expire(
    make_site: MakeSite,
) -> None:
    """The expiry that the cloud's canary saw counts where the versions are the same."""
    site = make_site()
    python = _python_with_another_client(site, "ctl2")
    site.write_configuration("ctl2", {"octavia": {"python": str(python)}})
    site.start_conductor("ctl1")
    posted = site.cli("post-job")
    assert posted.returncode == 0, posted.stderr
    site.wait_until(
        lambda: site.show()["flows"][0]["state"] == "done",
        "the flow cloud is done, with the versions of ctl1",
    )
    runtime = site.runtime("ctl1")
    job = runtime.store.resolve(None)
    context, other = (
        runtime.contexts.make(job, threading.Event(), lambda flow: ()) for _ in "12"
    )
    assert other.head_start is context.head_start
    assert context.shown().keys() >= {"octavia", "taskflow", "redis"}
    site.start_conductor("ctl2")
    site.wait_for_state("done")
    assert "which died, had claimed it for 0.5 s" in _proof(site, "cloud")
    assert "which gave it back" in _proof(site, "controller", "ctl1")
    assert "which died, had claimed it for 0.5 s" in _proof(site, "controller", "ctl2")
