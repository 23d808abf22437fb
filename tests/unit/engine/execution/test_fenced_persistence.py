# SPDX-License-Identifier: Apache-2.0
"""What the engine persists of a step, and what a revert reads back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskflow import task
from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.errors import PermanentError
from tests.unit.engine.toys import Cloud, Ledger

NAME = "s3cr3t_persistence"


class Maker(task.Task):
    """A step that makes something with a known secret in its name."""

    def __init__(self, undone: list[Any]) -> None:
        super().__init__(name="make")
        self._undone = undone

    def execute(self) -> dict[str, Any]:
        return {"effect": "changed", "summary": f"made {NAME}", "made": [NAME]}

    def revert(self, result: Any, **_: Any) -> None:
        self._undone.extend(result["made"])


class Failer(task.Task):
    """A step that fails for good."""

    def execute(self) -> None:
        raise PermanentError("go on", why=f"{NAME} is no good")


@dataclass
class Flows:
    """One flow: its first step makes something, its second fails."""

    ledger: Ledger = field(default_factory=Ledger)
    undone: list[Any] = field(default_factory=list)

    def factory(self, _name: str) -> Callable[[Any], linear_flow.Flow]:
        return lambda _: linear_flow.Flow("main").add(
            Maker(self.undone), Failer(name="fail")
        )


def test_what_was_made_is_kept_as_it_is(tmp_path: Path) -> None:
    """A password within a name is masked in texts, not in what a revert reads."""
    flows = Flows()
    cloud = Cloud(tmp_path, flows)  # type: ignore[arg-type]
    uuid = cloud.post([NewFlowRun("main", 0)], on_failure="revert")
    with cloud.running():
        cloud.wait_for(uuid, "reverted")
    assert flows.undone == [NAME]
    flow_run = cloud.store.flow_runs_of(uuid)[0]
    assert "s3cr3t" not in str(flow_run.reason)
    cloud.database.close()


def test_the_texts_of_a_result_are_masked(tmp_path: Path) -> None:
    """The summary shows no secret; what was made stays readable to a revert."""
    cloud = Cloud(tmp_path, Flows())  # type: ignore[arg-type]
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "parked")
    step, _ = cloud.store.steps(cloud.store.flow_runs_of(uuid)[0], ["make", "fail"])
    assert step.result["summary"] == "made ***_persistence"
    assert step.result["made"] == [NAME]
    cloud.database.close()
