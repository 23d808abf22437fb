# SPDX-License-Identifier: Apache-2.0
"""The one table of outcomes: what a run's end means for its job.

================  ==========================================  ===================
outcome           when                                        the job becomes
================  ==========================================  ===================
done              every step succeeded                        done
reverted          every step was undone                       reverted
failed            a step failed for good, or stayed in        parked, or reverting
                  trouble for all its attempts                when that was asked
revert failed     undoing a step failed                       parked
suspended         the conductor is stopping                   ready, for another
fenced            the claim is lost, or the job cancelled     left as it is
unreachable       the engine's database stayed away           left as it is
refused           unknown flow, other shape, other secrets    left to others
================  ==========================================  ===================
"""

import enum
from dataclasses import dataclass

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError, FencedError
from amphv2_bootstrap.errors import BootstrapError, CancelledError


class Outcome(enum.StrEnum):
    """How one run of a job ended."""

    DONE = "done"
    REVERTED = "reverted"
    FAILED = "failed"
    REVERT_FAILED = "revert failed"
    SUSPENDED = "suspended"
    FENCED = "fenced"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class End:
    """An outcome and the reason for it, in words for the operator."""

    outcome: Outcome
    reason: str | None = None


def of_trouble(trouble: BootstrapError) -> End:
    """The end of a run whose progress could not be written."""
    if isinstance(trouble, FencedError):
        return End(Outcome.FENCED, str(trouble))
    if isinstance(trouble, DatabaseUnavailableError):
        return End(Outcome.UNREACHABLE, str(trouble))
    return End(Outcome.FAILED, str(trouble))


def of_failure(step: str, failure: BaseException | None, text: str) -> End:
    """The end of a run in which a step failed."""
    if isinstance(failure, CancelledError):
        return End(Outcome.SUSPENDED, f"{step}: {text}")
    if failure is None or isinstance(failure, BootstrapError):
        return End(Outcome.FAILED, f"{step}: {text}")
    kind = type(failure).__name__
    return End(Outcome.FAILED, f"{step}: unexpected {kind}: {text}")
