# SPDX-License-Identifier: Apache-2.0
"""Half-applied schemas with rows: repaired, or parked with the statements to run."""

import re
from collections.abc import Callable

import pytest

from amphv2_bootstrap.adapters.schema.revisions import CHAIN, KNOWN_HEAD
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.steps.cloud.upgrade_persistence_schema import (
    UpgradePersistenceSchema,
)
from tests.functional.steps.older_schema import OlderSchema, Rows, survived
from tests.functional.steps.target import Target, result_of, writes
from tests.functional.steps.upgrade_once import finish, settings_of, start

BEFORE_HEAD = CHAIN[-2]


def upgrade(target: Target, older: OlderSchema, before: Rows) -> str:
    """Run the step, which ends at the head and keeps the rows; its summary."""
    result = result_of(UpgradePersistenceSchema(target.context()))
    assert result.effect == "changed"
    assert result.made == ()
    assert older.run("SELECT version_num FROM alembic_version") == [(KNOWN_HEAD,)]
    assert survived(before, older.rows())
    assert older.tables() == older.tables_at(KNOWN_HEAD)
    return result.summary


@pytest.mark.parametrize(
    ("revision", "damage", "repair"),
    [
        (BEFORE_HEAD, "DROP INDEX logbook_uuid_idx ON logbooks", "ADD UNIQUE INDEX"),
        (
            BEFORE_HEAD,
            "ALTER TABLE logbooks DROP INDEX logbook_uuid_idx,"
            " ADD UNIQUE INDEX logbook_uuid_idx (uuid)",
            "`taskdetails_uuid_idx`",
        ),
        ("589dccdf2b6e", "ALTER TABLE atomdetails ADD revert_results TEXT", "`revert_"),
        ("1cea328f0f65", "ALTER TABLE taskdetails ADD failure TEXT", "DROP COLUMN"),
        ("14b227d79a87", "ALTER TABLE taskdetails RENAME TO atomdetails", "UPDATE"),
        ("6df9422fcb43", "ALTER TABLE atomdetails MODIFY failure LONGTEXT", "`revert_"),
        (KNOWN_HEAD, "DROP INDEX taskdetails_uuid_idx ON atomdetails", "ADD UNIQUE"),
        (
            KNOWN_HEAD,
            "ALTER TABLE flowdetails DROP FOREIGN KEY flowdetails_ibfk_1,"
            " DROP INDEX flowdetails_ibfk_1",
            "ADD CONSTRAINT",
        ),
        (KNOWN_HEAD, "DROP TABLE alembic_version", "CREATE TABLE"),
        (KNOWN_HEAD, "DELETE FROM alembic_version", "INSERT"),
    ],
)
def test_repaired(
    prepared: Target, older: OlderSchema, revision: str, damage: str, repair: str
) -> None:
    """A certain repair is made, and the summary has its statement."""
    older.make(revision)
    before = older.fill()
    older.run(damage)
    assert repair in upgrade(prepared, older, before)


def test_first_revision_with_rows(prepared: Target, older: OlderSchema) -> None:
    """A half of the first migration is completed, even if it has rows."""
    older.make(CHAIN[0])
    older.run("DROP TABLE taskdetails")
    older.run("DELETE FROM alembic_version")
    older.run("DROP INDEX logbook_uuid_idx ON logbooks")
    older.run("INSERT INTO logbooks (uuid, meta) VALUES ('one', '{}')")
    upgrade(prepared, older, older.rows())


def parked(target: Target, older: OlderSchema) -> str:
    """Run the step, which fails and changes nothing; its error."""
    before, tables = older.rows(), older.tables()
    mark = older.server.mark()
    with pytest.raises(PermanentError) as caught:
        UpgradePersistenceSchema(target.context()).execute()
    assert writes(older.server.statements(mark)) == []
    assert (older.rows(), older.tables()) == (before, tables)
    return str(caught.value)


def lose_a_column(older: OlderSchema) -> None:
    older.run("ALTER TABLE atomdetails DROP COLUMN revert_results")


def lose_a_table(older: OlderSchema) -> None:
    older.run("DROP TABLE atomdetails")


def leave_orphans(older: OlderSchema) -> None:
    older.run("ALTER TABLE atomdetails DROP FOREIGN KEY atomdetails_ibfk_1")
    older.run("DELETE FROM flowdetails LIMIT 1")


def give_a_wrong_number(older: OlderSchema) -> None:
    older.run("UPDATE alembic_version SET version_num = %s", (CHAIN[3],))


def give_two_numbers(older: OlderSchema) -> None:
    older.run("INSERT INTO alembic_version VALUES (%s)", (CHAIN[3],))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lose_a_column, "column atomdetails.revert_results text is missing"),
        (lose_a_table, "column atomdetails.uuid varchar(64) not null is missing"),
        (leave_orphans, "rows lack the parent of the foreign key atomdetails.parent_"),
        (give_a_wrong_number, f"its tables are those of revision {KNOWN_HEAD}"),
        (give_two_numbers, "it has 2 revisions"),
    ],
)
def test_parked_with_the_statements(
    prepared: Target,
    older: OlderSchema,
    damage: Callable[[OlderSchema], None],
    named: str,
) -> None:
    """An uncertain repair is left to the operator; the error has the statements."""
    older.make(KNOWN_HEAD)
    older.fill()
    damage(older)
    text = parked(prepared, older)
    assert named in text
    assert "Dump the database" in text
    advice = re.search(r"run on it: (.*;) Then resume", text, re.S)
    assert advice is not None
    for statement in advice[1].rstrip(";").split("; "):
        older.run(statement)
    assert pieces(older.tables()) == pieces(older.tables_at(KNOWN_HEAD))
    step = UpgradePersistenceSchema(prepared.context())
    assert result_of(step).effect == "unchanged"


def pieces(tables: list[str]) -> list[list[str]]:
    """The sorted lines of each definition.

    A repair may change their order, and names indexes after the table's new name.
    """
    texts = (
        one.replace("KEY `taskdetails_ibfk", "KEY `atomdetails_ibfk") for one in tables
    )
    return [sorted(line.rstrip(",") for line in text.splitlines()) for text in texts]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE TABLE amphora (id INT)", "the table amphora"),
        ("ALTER TABLE logbooks MODIFY meta INT", "logbooks.meta int(11) should be"),
        ("ALTER TABLE atomdetails ADD extra INT NOT NULL", "atomdetails.extra int(11)"),
        ("CREATE TABLE taskdetails (uuid INT)", "both tables"),
    ],
)
def test_foreign(
    prepared: Target, older: OlderSchema, statement: str, named: str
) -> None:
    """The error names what isn't taskflow's, and nothing changes."""
    older.make(BEFORE_HEAD)
    older.run("INSERT INTO logbooks (uuid) VALUES ('one')")
    older.run(statement)
    assert named in parked(prepared, older)


def test_a_newer_revision(prepared: Target, older: OlderSchema) -> None:
    """Nothing changes, and the warning says to upgrade Octavia here."""
    older.make(KNOWN_HEAD)
    older.run("UPDATE alembic_version SET version_num = 'deadbeef'")
    result = result_of(UpgradePersistenceSchema(prepared.context()))
    assert result.effect == "unchanged"
    assert "is at revision deadbeef" in result.summary
    assert "upgrade Octavia on this controller" in result.warnings[-1]
    assert older.run("SELECT version_num FROM alembic_version") == [("deadbeef",)]


def test_other_tables_beside_the_head(prepared: Target, older: OlderSchema) -> None:
    """A complete schema with a foreign table is accepted, with a warning."""
    older.make(KNOWN_HEAD)
    older.run("CREATE TABLE amphora (id INT)")
    result = result_of(UpgradePersistenceSchema(prepared.context()))
    assert result.effect == "unchanged"
    assert result.warnings == ("the table amphora: left as it is",)


@pytest.mark.parametrize("writes_made", [1, 2, 3, 4])
def test_killed_repair(prepared: Target, older: OlderSchema, writes_made: int) -> None:
    """The next run completes a repair that was killed after any statement."""
    older.make(BEFORE_HEAD)
    before = older.fill()
    for table, index in (
        ("logbooks", "logbook_uuid_idx"),
        ("flowdetails", "flowdetails_uuid_idx"),
        ("atomdetails", "taskdetails_uuid_idx"),
    ):
        older.run(f"DROP INDEX {index} ON {table}")
    folder = prepared.folder / "killed"
    folder.mkdir()
    done = finish(start(settings_of(prepared, folder, die_after=writes_made)))
    assert done.returncode == -9, done.output  # three indexes and the number
    result_of(UpgradePersistenceSchema(prepared.context()))
    assert survived(before, older.rows())
    assert older.tables() == older.tables_at(KNOWN_HEAD)
    assert older.run("SELECT version_num FROM alembic_version") == [(KNOWN_HEAD,)]
