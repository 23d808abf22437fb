# SPDX-License-Identifier: Apache-2.0
"""The one table of outcomes: what a run's end means for its flow.

================  ==========================================  ===================
outcome           when                                        the flow becomes
================  ==========================================  ===================
done              every step succeeded                        done
reverted          every step was undone                       reverted
failed            a step failed for good; or transient        parked, or reverting
                  errors outlasted its retries, which are     when that was asked
                  bounded in time                             and a step failed
failed            a step did not end in time: it stopped      parked
                  when asked to, or was left behind
revert failed     undoing a step failed                       parked
suspended         the conductor is stopping                   ready, for another
cancelled         the operator cancelled the job, or one      cancelled
                  host of it
skipped           the operator left the host out              skipped
fenced            the claim is lost: another has the flow     left to the other
host lost         the conductor died, or its host             left as it is: the
                                                              claim expires, and
                                                              another takes it; a
                                                              host's own flow waits
                                                              for that host
unreachable       the engine's database stayed away           left as it is, tried
                                                              again
refused           unknown flow, other shape, other secrets,   left to others
                  a seal that doesn't fit, or what this
                  version wouldn't post
================  ==========================================  ===================
"""

import enum
from dataclasses import dataclass

from amphv2_bootstrap.engine.errors import (
    DatabaseUnavailableError,
    FencedError,
    RefusedError,
)
from amphv2_bootstrap.errors import BootstrapError, CancelledError, UnexpectedError


class Outcome(enum.StrEnum):
    """How one run of a flow ended."""

    DONE = "done"
    REVERTED = "reverted"
    FAILED = "failed"
    REVERT_FAILED = "revert failed"
    SUSPENDED = "suspended"
    FENCED = "fenced"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class End:
    """An outcome and the reason for it, in words for the operator.

    ``failed_step`` is set where a step failed: only then may the flow be reverted.
    ``left_behind`` says that the step's thread still runs.
    """

    outcome: Outcome
    reason: str | None = None
    failed_step: str | None = None
    left_behind: bool = False


def of_trouble(trouble: BootstrapError) -> End:
    """The end of a run that stopped outside its steps: at a read or a write."""
    kinds = {
        FencedError: Outcome.FENCED,
        DatabaseUnavailableError: Outcome.UNREACHABLE,
        RefusedError: Outcome.REFUSED,
    }
    for kind, outcome in kinds.items():
        if isinstance(trouble, kind):
            return End(outcome, str(trouble))
    return End(Outcome.FAILED, str(trouble))


def of_failure(step: str, failure: BaseException | None, text: str) -> End:
    """The end of a run in which a step failed; ``text`` is the failure as stored."""
    if isinstance(failure, CancelledError):
        return End(Outcome.SUSPENDED, f"{step}: {text}")
    return End(Outcome.FAILED, f"{step}: {text}", step)


def of_surprise(attempted: str, error: BaseException) -> End:
    """The end of a run that an unexpected error stopped outside its steps."""
    return End(Outcome.FAILED, reason_of(attempted, error))


def reason_of(attempted: str, error: BaseException) -> str:
    """Our own error's text; of another one only type and place."""
    if isinstance(error, BootstrapError):
        return f"{attempted}: {error}"
    return str(UnexpectedError.of(attempted, error))
