# SPDX-License-Identifier: Apache-2.0
"""Two machines of one host name see each other; no other conductor is reported."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator

import pytest

from amphv2_bootstrap.engine.conductor.duplicate_hosts import DuplicateHosts
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.errors import ConflictError
from tests.servers.process import wait_until
from tests.unit.engine.signs import beat
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]
ME = ProcessIdentity.of_this_process("one")
ELSEWHERE = dataclasses.replace(ME, machine="aaaaaaaa.bbbbbbbb")
CONTAINER = dataclasses.replace(ME, machine=f"aaaaaaaa.{ME.kernel}")
OLDER_VERSION = dataclasses.replace(ME, machine="aaaaaaaa")
FLOWS = (NewFlowRun("main", 0), NewFlowRun("own", 0, "one"))


@contextlib.contextmanager
def _beating(cloud: Cloud, owner: ProcessIdentity) -> Iterator[None]:
    """A conductor that gives signs of life all the time, and claims nothing."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(0.05):
            beat(cloud.database, owner)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_hosts_own_flows_wait_while_two_have_its_name(
    make_cloud: MakeCloud, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names both; flows for any host go on, its own once it is alone again."""
    cloud = make_cloud(main=["a"], own=["b"])
    with cloud.running("one"):
        with _beating(cloud, ELSEWHERE):
            wait_until(
                lambda: str(ELSEWHERE) in caplog.text, what="the error is logged"
            )
            uuid = cloud.post(FLOWS)
            cloud.wait_for(uuid, "done", "ready")
            wait_until(
                lambda: len(cloud.store.conductors()) == 2, what="both are listed"
            )
            assert cloud.ledger == ["do a"]
        cloud.wait_for(uuid, "done")
    errors = [r for r in caplog.records if "several machines" in r.getMessage()]
    assert len(errors) == 1
    assert "here, and one:" in errors[0].getMessage()


def test_a_reboot_is_no_duplicate(
    make_cloud: MakeCloud, caplog: pytest.LogCaptureFixture
) -> None:
    """A conductor of this host before a reboot is waited for, without an error."""
    cloud = make_cloud(main=["a"], own=["b"])
    beat(cloud.database, ELSEWHERE)
    uuid = cloud.post(FLOWS)
    with cloud.running("one"):
        cloud.wait_for(uuid, "done")
    assert "several machines" not in caplog.text


@pytest.mark.parametrize(
    "other",
    [CONTAINER, OLDER_VERSION, dataclasses.replace(ELSEWHERE, host="two")],
    ids=["container", "older version", "another name"],
)
def test_others_are_no_duplicates(
    other: ProcessIdentity, make_cloud: MakeCloud
) -> None:
    """One on this machine, of another name or of an unknown machine is no duplicate."""
    cloud = make_cloud()
    beat(cloud.database, ME)
    beat(cloud.database, other)
    duplicates = DuplicateHosts(cloud.store, ME)
    duplicates.look()
    duplicates.check()
    assert not duplicates.may_exist


def test_the_check_reports_a_duplicate(make_cloud: MakeCloud) -> None:
    """The error has both names, and what to correct."""
    cloud = make_cloud()
    for owner in (ME, ELSEWHERE, ME):
        beat(cloud.database, owner)
    duplicates = DuplicateHosts(cloud.store, ME)
    with pytest.raises(ConflictError, match=r"its own \[DEFAULT\] host") as caught:
        duplicates.check()
    assert str(ME) in str(caught.value)
    assert str(ELSEWHERE) in str(caught.value)
