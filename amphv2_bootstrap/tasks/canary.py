# SPDX-License-Identifier: Apache-2.0
"""The canary through Octavia's jobboard, as a step runs it."""

from collections.abc import Sequence

from amphv2_bootstrap.adapters import octavia_canary, octavia_python, octavia_sources
from amphv2_bootstrap.adapters.octavia_canary import Proof
from amphv2_bootstrap.adapters.octavia_verdict import UnprovenError
from amphv2_bootstrap.tasks.base import (
    NOT_APPLICABLE,
    UNCHANGED,
    Context,
    StepResult,
)
from amphv2_bootstrap.tasks.target_database import texts

_BY_HAND = "run 'amphv2-bootstrap verify' on a controller"


def interpreter(context: Context) -> str | None:
    """Octavia's Python on this host; None where it isn't installed as Python."""
    host = context.host
    return host.octavia_python or octavia_python.find_python(host.db_manage_command)


def loaded(context: Context) -> tuple[str, ...]:
    """See :func:`octavia_sources.sources`."""
    return octavia_sources.sources(context.host, interpreter(context))


def obstacle(context: Context) -> str | None:
    """Why no canary can run here, and how to prove the same; None if one can."""
    if context.spec.persistence.is_sqlite:
        return (
            "Nothing was proven: with SQLite no other controller can take over. Name "
            "a database server in persistence_connection."
        )
    python = interpreter(context)
    if python is None:
        return (
            "It is not proven that the jobboard works: Octavia's Python isn't on this "
            f"host. Set [octavia] python, or {_BY_HAND} where it is."
        )
    return None


def prove(context: Context, sources: Sequence[str]) -> Proof:
    """See :func:`octavia_canary.prove`; only where there is no :func:`obstacle`."""
    python = interpreter(context)
    assert python is not None  # noqa: S101 - that would be an obstacle
    return octavia_canary.prove(
        python,
        sources,
        secrets=texts(context.secrets),
        cancelled=context.cancelled,
    )


def result_of_proof(context: Context, sources: Sequence[str]) -> StepResult:
    """Prove, as a step's result; a broken link is an error.

    :raises TransientError: a server is away.
    :raises PermanentError: a link is broken.
    """
    try:
        proof = prove(context, sources)
    except UnprovenError as exc:
        return unproven(f"It is not proven that the jobboard works: {exc}")
    driver = context.spec.driver
    return StepResult(
        UNCHANGED,
        f"a job went through {driver} as Octavia would send it; another owner had it "
        f"{proof.takeover_seconds:.1f} s after the dead one's claim of "
        f"{proof.claim_seconds:g} s began",
        warnings=proof.notes,
    )


def unproven(warning: str) -> StepResult:
    """The result of a step that could not look."""
    return StepResult(NOT_APPLICABLE, "the jobboard was not proven", (warning,))
