# SPDX-License-Identifier: Apache-2.0
"""Classifies a persistence schema, without access to the database."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from amphv2_bootstrap.adapters.schema.difference import compare, wholes
from amphv2_bootstrap.adapters.schema.persistence_schema import TABLES, Schema
from amphv2_bootstrap.adapters.schema.repair import Repair, repair_for
from amphv2_bootstrap.adapters.schema.revisions import CHAIN, next_after
from amphv2_bootstrap.adapters.schema.shape import ATOMS, OLD_ATOMS


class State(enum.StrEnum):
    """The state of a schema."""

    ABSENT = "absent"
    HEAD = "head"
    AHEAD = "ahead"
    BEHIND = "behind"
    HALF = "half-applied"
    FOREIGN = "foreign"


UPGRADE_OCTAVIA = (
    "A newer taskflow has upgraded the schema: upgrade Octavia on this controller, "
    "too. Until then its upgrade_persistence fails here."
)
"""What to do about AHEAD."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reasons`` say why it is half-applied or foreign; ``remarks`` are harmless.

    ``revision`` is the schema's, or the one to which ``repair`` brings a half-applied
    schema. Without ``repair``, we can't explain a half-applied schema.
    """

    state: State
    revision: str | None = None
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    repair: Repair | None = None
    """Certain or not; see :class:`Repair`."""

    def __str__(self) -> str:
        at = f" (revision {self.revision})" if self.revision else ""
        why = f": {'; '.join(self.reasons)}" if self.reasons else ""
        return f"{self.state}{at}{why}"


def classify(found: Schema, chain: Sequence[str] = CHAIN) -> Verdict:
    """Classify a schema.

    A complete schema at the head is HEAD, and at a revision of a newer taskflow AHEAD,
    even beside other programs' tables. Any other schema beside them is FOREIGN.

    :param chain: the revisions of Octavia's own taskflow, first to last.
    """
    strangers = tuple(f"the table {name}" for name in sorted(found.foreign))
    ahead = _judge_ahead(found, chain, strangers)
    if ahead is not None:
        return ahead
    unknown = tuple(_unknown(name) for name in found.revisions if name not in chain)
    if unknown or {ATOMS, OLD_ATOMS} <= found.tables:
        both = () if unknown else (f"both tables, {OLD_ATOMS} and {ATOMS}",)
        return Verdict(State.FOREIGN, reasons=strangers + unknown + both)
    verdict = _judge(found, chain)
    if strangers and verdict.state is State.HEAD:
        return Verdict(State.HEAD, verdict.revision, remarks=strangers)
    if strangers:
        return Verdict(State.FOREIGN, reasons=strangers + verdict.reasons)
    return verdict


def _judge_ahead(
    found: Schema, chain: Sequence[str], strangers: tuple[str, ...]
) -> Verdict | None:
    """What a newer taskflow made of it; None if none did.

    That happens while Octavia is upgraded, one controller after the other.
    """
    if len(found.revisions) != 1 or not found.tables >= TABLES:
        return None
    (stamp,) = found.revisions
    if stamp in chain or OLD_ATOMS in found.tables:
        return None
    if stamp not in CHAIN:
        remark = f"what the revision {stamp} is isn't known here"
        return None if strangers else Verdict(State.AHEAD, stamp, remarks=(remark,))
    verdict = _judge(found, CHAIN)
    if verdict.state in (State.HEAD, State.BEHIND):
        return Verdict(State.AHEAD, stamp, remarks=verdict.remarks + strangers)
    newer = "it is a newer taskflow's: upgrade it from a controller that has that"
    return Verdict(State.HALF, stamp, (*verdict.reasons, newer))


def _unknown(revision: str) -> str:
    owner = "" if revision in CHAIN else "a different program, or to "
    return f"the revision {revision}, which belongs to {owner}a newer taskflow"


def _judge(found: Schema, chain: Sequence[str]) -> Verdict:
    if not found.own - {"alembic_version"} and not found.revisions:
        return Verdict(State.ABSENT)
    if len(found.revisions) > 1:
        return _contradicted(found, f"it has {len(found.revisions)} revisions")
    stamp = found.revisions[0] if found.revisions else None
    if stamp is not None and stamp not in CHAIN:
        return _judge_newer(found, stamp, chain[-1])
    after = next_after(stamp, chain) or stamp
    difference = compare(found.shape, stamp, after)
    remarks = tuple(difference.remarks)
    if difference.unexplained:
        if stamp != chain[-1] and next_after(stamp, chain) is None:
            # We don't know the next migration.
            return Verdict(State.HALF, stamp, tuple(difference.unexplained))
        return _contradicted(found, *difference.unexplained)
    if difference.is_whole:
        state = State.HEAD if stamp == chain[-1] else State.BEHIND
        return Verdict(state, stamp, remarks=remarks)
    changes = tuple(difference.lost)
    if difference.begun:
        changes += tuple(difference.pending)
    target = after if difference.begun else stamp
    assert target is not None  # noqa: S101 - something is there
    certain = not any(change.lost_data for change in difference.lost)
    repair = repair_for(found, target, changes, certain=certain)
    reasons = tuple(str(change) for change in changes) or (
        f"revision {target} is complete, but its number is missing",
    )
    return Verdict(State.HALF, target, reasons, remarks, repair)


def _judge_newer(found: Schema, stamp: str, head: str) -> Verdict:
    """Classify a revision of Octavia's taskflow that is newer than our table."""
    if found.tables >= TABLES:
        return Verdict(State.HEAD if stamp == head else State.BEHIND, stamp)
    missing = ", ".join(sorted(TABLES - found.tables))
    return Verdict(State.HALF, stamp, (f"there is no table {missing}",))


def _contradicted(found: Schema, *reasons: str) -> Verdict:
    """Find a revision that explains the tables, since the number doesn't.

    Without a number, the tables decide. If there is one, either the number or the
    tables are wrong, and only the operator knows which.
    """
    for name in wholes(found.shape):
        repair = repair_for(found, name, (), certain=not found.revisions)
        whole = f"its tables are those of revision {name}"
        return Verdict(State.HALF, name, (*reasons, whole), repair=repair)
    return Verdict(
        State.FOREIGN, found.revisions[0] if found.revisions else None, reasons
    )
