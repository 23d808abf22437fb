# SPDX-License-Identifier: Apache-2.0
"""Only what a host has said itself, of the same flow, is shown as its answer.

``tests/functional/test_plan_all.py`` has real clouds.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from amphv2_bootstrap.cmd.asking import Answer, _answer
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.flows.outlines import CONTROLLER
from amphv2_bootstrap.steps.plan.foresight import Planned, State
from tests.unit.engine.toys import AnyHost, Cloud, Ledger, ToyFlows

_STEPS = [Planned("a", "aim", State.UNCHANGED).to_dict()]


class _Reporting(ToyFlows):
    """Its step reports ``report``."""

    report: Any = None

    def factory(self, name: str) -> Any:
        build = super().factory(name)

        def reporting(context: Any) -> Any:
            flow = build(context)
            for step, _ in flow.iter_nodes():
                step.execute = lambda: {"effect": "unchanged", "report": self.report}
            return flow

        return reporting


def _answered(folder: Path, change: Any, **report: Any) -> Answer:
    """The answer of a conductor, after ``change`` to its result in the database."""
    flows = _Reporting(Ledger(), {"plan-controller": ["look"]})
    own = {"shape": CONTROLLER.shape, "version": "9.9", "steps": _STEPS}
    flows.report = {**own, **report}
    cloud = Cloud(folder, flows)
    uuid = cloud.post([NewFlowRun("plan-controller", 1, "one")], kind="plan")
    with cloud.running():
        cloud.wait_for(uuid, "done")
    (run,) = cloud.store.flow_runs_of(uuid)
    if change:
        result = change(dict(cloud.store.steps(run, ["look"])[0].result))
        with cloud.database.write() as connection:
            connection.execute(schema.atomdetails.update().values(results=result))
    runtime: Any = SimpleNamespace(store=cloud.store)
    asked: Any = SimpleNamespace(key=AnyHost().accept(cloud.store.job(uuid), [run]))
    return _answer(runtime, asked, run, "controller")


def test_an_answer_is_read(tmp_path: Path) -> None:
    """What the host has reported, step by step."""
    answer = _answered(tmp_path, None)
    assert [planned.step for planned in answer.found] == ["a"]
    assert not answer.why


@pytest.mark.parametrize(
    "change",
    [
        lambda result: {**result, "report": {**result["report"], "steps": []}},
        lambda result: {**result, "seal": "0" * 64},
        lambda result: {},
    ],
)
def test_a_changed_answer_is_none(tmp_path: Path, change: Any) -> None:
    """The right to write to the engine's database gives no say in a host's name."""
    answer = _answered(tmp_path, change)
    assert not answer.found
    assert "has no seal" in answer.why


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({"shape": "other"}, "amphv2-bootstrap 9.9 is there"),
        ({"steps": [{"step": "a"}]}, "another version is there"),
    ],
)
def test_the_answer_of_another_version_is_none(
    tmp_path: Path, report: dict[str, Any], words: str
) -> None:
    """A conductor of that version would not carry out what is planned here."""
    answer = _answered(tmp_path, None, **report)
    assert not answer.found
    assert words in answer.why
