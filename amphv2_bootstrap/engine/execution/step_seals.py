# SPDX-License-Identifier: Apache-2.0
"""The seals of what the steps of one flow note as theirs, report or have shown.

A revert undoes what a step has noted. Without a seal, whoever can write to the engine's
database could have it drop anything. A step's report is its host's word, and what a
step has shown other hosts don't show again.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from taskflow import states

from amphv2_bootstrap.engine.records import FlowRun
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.errors import PermanentError

_SEAL = "seal"
_MADE = "made"
_SEALED = (_MADE, "report", "shown")
"""Parts of a result that others act on; a result has one of them at most."""

_END = (states.RUNNING, states.SUCCESS)
_UNDONE = (states.REVERTING, states.REVERTED, states.REVERT_FAILURE)


class StepSeals:
    """Seals what the steps of a flow run note, and recognises it.

    :param key: of the job. One that was resumed with other secrets has another key.
    """

    def __init__(self, key: Key, flow_run: FlowRun) -> None:
        self._key = key
        self._flow_run = flow_run

    def of_intent(self, step: str, name: str) -> str:
        """The seal of a note that the step makes ``name`` next."""
        return self._key.seal("intends", *self._about(step), name)

    def is_of_intent(self, seal: str | None, step: str, name: str) -> bool:
        return self._key.fits(seal, "intends", *self._about(step), name)

    def sealed(
        self, step: str, row: Mapping[str, Any], before: Mapping[str, Any]
    ) -> Any:
        """The result in a step's row, sealed if others act on it and it is new.

        :param before: the row in the database. A result that is there already keeps
            its seal, or lack of one: it may be forged.
        """
        result = row["results"]
        kind = next((each for each in _SEALED if _part(result, each)), None)
        if kind is None:
            return result
        has_just_ended = (before.get("state"), row["state"]) == _END
        if not has_just_ended:
            return {**result, _SEAL: _part(before.get("results"), _SEAL)}
        content = (*self._about(step), result[kind])
        return {**result, _SEAL: self._key.seal(kind, *content)}

    def has_said(self, step: str, name: str, result: Mapping[str, Any]) -> bool:
        """Whether the step has put just this into its result as ``name``.

        :param name: ``made``, ``report`` or ``shown``.
        """
        content = (*self._about(step), result.get(name))
        return self._key.fits(result.get(_SEAL), name, *content)

    def check_results(self, steps: Iterable[Any]) -> None:
        """:raises PermanentError: a step's result isn't what the step has written."""
        for step in steps:
            made = _part(step.results, _MADE)
            if made and not self.has_said(step.name, _MADE, step.results):
                raise self.unproven(step.name, made)

    def check_directions(self, steps: Iterable[Any]) -> None:
        """For a flow that isn't reverted: taskflow undoes a step that is so marked.

        :raises PermanentError: a step is.
        """
        for step in steps:
            if step.intention != states.EXECUTE or step.state in _UNDONE:
                raise PermanentError(
                    "go on with the flow",
                    on=step.name,
                    why="its progress was changed in the engine's database: the step "
                    "is marked to be undone, but the flow is not reverted",
                    todo="Find out who can write there, then cancel the job and post "
                    "it anew.",
                )

    def unproven(self, step: str, names: Iterable[Any]) -> PermanentError:
        """The error for notes that nobody may act on."""
        return PermanentError(
            f"undo {step}",
            on=", ".join(map(str, names)),
            why="it can't be proven that this job made it: the note has no seal of the "
            "job's present secrets",
            todo="A version before 0.2.0 has written it, the job was resumed with "
            "other secrets since, or somebody has changed it. Nothing was undone: "
            "remove by hand what isn't wanted, then cancel the job.",
        )

    def _about(self, step: str) -> tuple[str, str, str]:
        return self._flow_run.job_uuid, self._flow_run.uuid, step


def _part(result: Any, name: str) -> Any:
    return result.get(name) if isinstance(result, dict) else None
