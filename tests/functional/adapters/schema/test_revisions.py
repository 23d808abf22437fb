# SPDX-License-Identifier: Apache-2.0
"""The table of revisions, compared with the migrations of the installed taskflow."""

from amphv2_bootstrap.adapters.mysql import sessions
from amphv2_bootstrap.adapters.octavia import introspection
from amphv2_bootstrap.adapters.schema.persistence_schema import Schema, look
from amphv2_bootstrap.adapters.schema.revisions import CHAIN, shape_at
from amphv2_bootstrap.spec.database import DatabaseUrl
from tests.functional.steps.older_schema import OlderSchema
from tests.functional.steps.target import DATABASE
from tests.servers.mariadb import MariaDB


def found(server: MariaDB) -> Schema:
    url = DatabaseUrl("mysql+pymysql", "root", server.host, server.port)
    with sessions.session(url, server.root_password, database=DATABASE) as session:
        return look(session)


def test_migrations_are_those_of_the_table(
    mariadb: MariaDB, octavia_python_path: str
) -> None:
    """Our table has taskflow's revisions, each with exactly the pieces it makes."""
    assert introspection.revisions(octavia_python_path) == CHAIN
    mariadb.execute(f"CREATE DATABASE `{DATABASE}` CHARACTER SET utf8mb4")
    older = OlderSchema(mariadb)
    for revision in CHAIN:
        older.migrate(revision)
        real = found(mariadb)
        assert real.revisions == (revision,)
        assert dict(real.shape.pieces) == dict(shape_at(revision).pieces), revision
        assert real.shape.atoms == shape_at(revision).atoms
