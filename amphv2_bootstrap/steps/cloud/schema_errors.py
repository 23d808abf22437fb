# SPDX-License-Identifier: Apache-2.0
"""Why ``upgrade-persistence-schema`` can't bring the tables to the head."""

from amphv2_bootstrap.adapters.octavia.db_manage import Completed
from amphv2_bootstrap.adapters.schema.persistence_schema import TABLES, Schema
from amphv2_bootstrap.adapters.schema.state import State, Verdict
from amphv2_bootstrap.adapters.schema.wanted_chain import WantedChain
from amphv2_bootstrap.errors import PermanentError, TransientError

_ATTEMPTED = "upgrade the persistence schema"


def foreign(on: str, verdict: Verdict) -> PermanentError:
    """Of tables that aren't taskflow's.

    :param on: the database's name and place.
    """
    return PermanentError(
        _ATTEMPTED,
        on=on,
        why=f"what is there isn't taskflow's: {'; '.join(verdict.reasons)}",
        todo=(
            "Give taskflow's persistence a database of its own. If this is its "
            "own, correct by hand what is named, or restore a dump; then resume."
        ),
    )


def failure(
    on: str, wanted: WantedChain, completed: Completed, verdict: Verdict, found: Schema
) -> TransientError | PermanentError:
    """Of a run of octavia-db-manage after which the tables aren't at the head."""
    kind = TransientError if completed.transient else PermanentError
    return kind(
        _ATTEMPTED,
        on=on,
        why=(
            f"wanted the tables {', '.join(sorted(TABLES))} at revision "
            f"{wanted.head}, found {found}, {verdict}; "
            f"{wanted.program} ended with exit code {completed.returncode} "
            f"and said: {completed.output or 'nothing'}"
        ),
        todo=_advice(wanted, completed, verdict, found),
    )


def _advice(
    wanted: WantedChain, completed: Completed, verdict: Verdict, found: Schema
) -> str:
    if found.rows_anywhere and verdict.state is not State.BEHIND:
        return (
            "The tables hold rows, so they are left as they are. Dump the "
            "database, and repair it by hand, or drop the tables if no operation "
            "on a load balancer is under way; then resume."
        )
    if completed.returncode == 0:
        return (
            "It reported success but made no such tables: check that "
            "db_manage_command passes its arguments on to octavia-db-manage."
        )
    if completed.advice:
        return f"{completed.advice} Then resume."
    return f"Fix the cause that {wanted.program} reports, and resume."
