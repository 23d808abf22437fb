# SPDX-License-Identifier: Apache-2.0
"""What the steps of a flow would change, as they look now; changes nothing."""

import enum
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from amphv2_bootstrap.errors import BootstrapError, CancelledError, UnexpectedError
from amphv2_bootstrap.spec.masking import Masker
from amphv2_bootstrap.steps.base import Change, Kind, Step

LOG = logging.getLogger(__name__)


class State(enum.StrEnum):
    """What a look at a step has given; public, as a part of the JSON format."""

    UNCHANGED = "unchanged"
    CHANGES = "changes"
    UNSEEN = "unseen"
    PROBLEM = "problem"
    ELSEWHERE = "elsewhere"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Planned:
    """One step. ``summary`` says what there is, ``unseen`` what can't be looked at yet.

    ``problem`` is the error that the step would end with; clause and advice.
    """

    step: str
    aim: str
    state: State
    summary: str = ""
    changes: tuple[Change, ...] = ()
    unseen: str = ""
    warnings: tuple[str, ...] = ()
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the database."""
        changes = [[one.kind.value, one.on, one.text] for one in self.changes]
        return {
            "step": self.step,
            "aim": self.aim,
            "state": self.state.value,
            "summary": self.summary,
            "changes": changes,
            "unseen": self.unseen,
            "warnings": list(self.warnings),
            "problem": self.problem,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Planned":
        """Read :meth:`to_dict`'s form.

        :raises ValueError: another version has written it.
        """
        try:
            return cls(
                **{
                    **data,
                    "state": State(data["state"]),
                    "changes": tuple(
                        Change(Kind(kind), on, text)
                        for kind, on, text in data["changes"]
                    ),
                    "warnings": tuple(data["warnings"]),
                }
            )
        except (KeyError, TypeError) as exc:
            raise ValueError("a step of a plan in another form") from exc


def foresee(
    steps: Iterable[Step],
    ahead: Collection[str] = (),
    begin: Callable[[str], None] = lambda name: None,
) -> Iterator[Planned]:
    """Look at all steps of a flow, also after one has a problem.

    :param ahead: the steps of earlier flows that may change something.
    :param begin: called with the name of each step before it is looked at.
    :raises CancelledError: the steps' ``cancelled`` was set.
    """
    coming = {*ahead}
    for step in steps:
        begin(step.atom_name)
        found = _look(step, coming)
        coming |= {step.atom_name} if found.changes else set()
        yield masked(found, step.context.secrets.masker)


def _look(step: Step, ahead: Collection[str]) -> Planned:
    name = step.atom_name
    try:
        seen = step.look(ahead)
    except CancelledError:
        raise
    except BootstrapError as exc:
        return Planned(name, step.aim, State.PROBLEM, problem=str(exc))
    except Exception as exc:  # a library may raise anything
        LOG.exception("The look at %s ended unexpectedly", name)
        error = UnexpectedError.of("look at the step", exc)
        return Planned(name, step.aim, State.PROBLEM, problem=str(error))
    state = State.UNSEEN if seen.unseen else State.UNCHANGED
    return Planned(
        name,
        step.aim,
        State.CHANGES if seen.changes else state,
        seen.result.summary,
        seen.changes,
        seen.unseen,
        seen.result.warnings,
    )


def unseen(
    steps: Iterable[Step], why: str, state: State = State.ELSEWHERE
) -> Iterator[Planned]:
    """The steps of a flow that wasn't looked at."""
    for step in steps:
        yield Planned(step.atom_name, step.aim, state, unseen=why)


def masked(planned: Planned, masker: Masker) -> Planned:
    """The same without the secrets that servers and programs may have quoted."""
    text = masker.text
    return replace(
        planned,
        summary=text(planned.summary),
        changes=tuple(replace(one, text=text(one.text)) for one in planned.changes),
        unseen=text(planned.unseen),
        warnings=tuple(map(text, planned.warnings)),
        problem=text(planned.problem),
    )
