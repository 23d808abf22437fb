# SPDX-License-Identifier: Apache-2.0
"""``look``: what the steps of a flow would change on this host; changes nothing."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from importlib import metadata

from amphv2_bootstrap.steps.base import UNCHANGED, Context, Seen, Step, StepResult
from amphv2_bootstrap.steps.plan.foresight import Planned, State, foresee

LONGEST_TEXT = 2**16
"""Characters of a change, or of what a step says."""
LONGEST = 2**19
"""Characters of all changes of a flow."""
_CUT = "[cut here: 'amphv2-bootstrap plan' on this host shows all]"


class Look(Step):
    """Look at the steps of one flow as ``plan`` does, and report what was seen.

    A problem is a part of the report, and no failure. Safe to run twice.

    :param steps: of the flow.
    :param shape: of the flow.
    """

    atom_name = "look"

    def __init__(self, context: Context, steps: Sequence[Step], shape: str) -> None:
        super().__init__(context)
        self._steps = steps
        self._shape = shape

    @property
    def aim(self) -> str:
        return "look at what a job would change"

    def look(self, ahead: Collection[str] = ()) -> Seen:
        coming = {*ahead, *self.context.ahead()}
        found = [*bounded(foresee(self._steps, coming))]
        report = {
            "shape": self._shape,
            "version": metadata.version("amphv2-bootstrap"),
            "steps": [planned.to_dict() for planned in found],
        }
        return Seen(StepResult(UNCHANGED, _summary(found), report=report))


def _summary(found: Sequence[Planned]) -> str:
    changes = sum(len(planned.changes) for planned in found)
    problems = sum(planned.state is State.PROBLEM for planned in found)
    return f"changes: {changes}, problems: {problems}"


def bounded(found: Iterable[Planned]) -> Iterable[Planned]:
    """The same, with texts that are cut where they would fill the database."""
    left = LONGEST
    for planned in found:
        short = replace(
            planned,
            summary=_cut(planned.summary),
            changes=tuple(replace(one, text=_cut(one.text)) for one in planned.changes),
            unseen=_cut(planned.unseen),
            warnings=tuple(map(_cut, planned.warnings)),
            problem=_cut(planned.problem),
        )
        left -= len(json.dumps(short.to_dict()))
        yield short if left >= 0 else _emptied(short)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}\n{_CUT}"


def _emptied(planned: Planned) -> Planned:
    """The same without its texts; that there are changes stays."""
    changes = tuple(replace(one, text=_CUT) for one in planned.changes[:1])
    problem = planned.problem and _CUT
    return replace(
        planned, summary="", changes=changes, unseen="", warnings=(), problem=problem
    )
