# SPDX-License-Identifier: Apache-2.0
"""The seals of what the steps of one flow note as theirs.

A revert undoes what a step has noted. Without a seal, whoever can write to the engine's
database could have it drop anything.
"""

from collections.abc import Iterable
from typing import Any

from amphv2_bootstrap.engine.records import FlowRun
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.errors import PermanentError

_SEAL = "seal"


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
        """The result with a seal, where it says what the step made.

        :param stored: the result in the database. What that says was made keeps its
            seal, or lack of one: it may be forged.
        """
        made = _made(result)
        if not made:
            return result
        if made == _made(stored):
            return {**result, _SEAL: stored.get(_SEAL)}
        return {**result, _SEAL: self._key.seal("made", *self._about(step), made)}

    def check_results(self, steps: Iterable[Any]) -> None:
        """:raises PermanentError: a step's result isn't what the step has written."""
        for step in steps:
            made = _made(step.results)
            if made and not self._key.fits(
                step.results.get(_SEAL), "made", *self._about(step.name), made
            ):
                raise self.unproven(step.name, made)

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
