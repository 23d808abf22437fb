# SPDX-License-Identifier: Apache-2.0
"""The seals of what the steps of one flow note as theirs, or report.

A revert undoes what a step has noted. Without a seal, whoever can write to the engine's
database could have it drop anything. What a step reports is shown as that host's word.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from taskflow import states

from amphv2_bootstrap.engine.records import FlowRun
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.errors import PermanentError

_SEAL, _REPORT = "seal", "report"
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

    def sealed(self, step: str, result: Any, stored: Any) -> Any:
        """The result with a seal, where it says what the step made, or reports.

        :param stored: the result in the database. What that says was made keeps its
            seal, or lack of one: it may be forged.
        """
        made = _made(result)
        if not made:
            return self._reported(step, result)
        if made == _made(stored):
            return {**result, _SEAL: stored.get(_SEAL)}
        return {**result, _SEAL: self._key.seal("made", *self._about(step), made)}

    def is_of_report(self, step: str, result: Mapping[str, Any]) -> bool:
        """Whether the step has reported just this."""
        content = (*self._about(step), result.get(_REPORT))
        return self._key.fits(result.get(_SEAL), _REPORT, *content)

    def _reported(self, step: str, result: Any) -> Any:
        if not isinstance(result, dict) or _REPORT not in result:
            return result
        seal = self._key.seal(_REPORT, *self._about(step), result[_REPORT])
        return {**result, _SEAL: seal}

    def check_results(self, steps: Iterable[Any]) -> None:
        """:raises PermanentError: a step's result isn't what the step has written."""
        for step in steps:
            made = _made(step.results)
            if made and not self._key.fits(
                step.results.get(_SEAL), "made", *self._about(step.name), made
            ):
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


def _made(result: Any) -> Any:
    return result.get("made") if isinstance(result, dict) else None
