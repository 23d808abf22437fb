# SPDX-License-Identifier: Apache-2.0
"""A host is drained through one node, while its conductor claims through another."""

import pytest

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.process_identity import host_of
from amphv2_bootstrap.engine.records import FlowRun, NewFlowRun
from amphv2_bootstrap.engine.storage import stages
from amphv2_bootstrap.engine.storage.control.draining import drain, undrain
from amphv2_bootstrap.errors import ConflictError
from tests.functional.engine.galera.conftest import Behind
from tests.servers.galera import Galera
from tests.unit.engine.toys import Cloud

Sides = tuple[Cloud, Cloud]


@pytest.mark.parametrize("known", [False, True], ids=["new host", "known host"])
def test_a_drained_host_takes_no_flow(
    known: bool, sides: Sides, galera: Galera, behind: Behind[FlowRun | None]
) -> None:
    """Its conductor has not seen the drain yet, and is refused all the same."""
    operator, conductor = sides[0].journal, sides[1].journal
    host = host_of(conductor.owner) or conductor.owner
    uuid = sides[0].post([NewFlowRun("first", 0)])
    (flow_run,) = sides[0].store.flow_runs_of(uuid)
    if known:
        drain(operator, host, "root@other")
        undrain(operator, host, "root@other")
    galera.wait_until_in_step()
    with pytest.raises(ConflictError, match="drained"):
        behind(
            lambda: drain(operator, host, "root@other"),
            lambda: conductor.take(flow_run.uuid),
        )
    galera.wait_until_in_step()
    assert sides[0].states(uuid) == ["ready"]


def test_a_flow_is_taken_while_the_host_is_drained(sides: Sides) -> None:
    """The drain is committed first, so the claim that had not seen it is not."""
    operator, conductor = sides[0].journal, sides[1].journal
    host = "one"
    drain(operator, host, "root@other")
    undrain(operator, host, "root@other")

    def take_too_late() -> None:
        with conductor.database.write() as connection:
            stages.refuse_drained(connection, host)
            drain(operator, host, "root@other")

    with pytest.raises(DatabaseUnavailableError):
        take_too_late()
