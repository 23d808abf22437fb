# SPDX-License-Identifier: Apache-2.0
"""A program: runs the migrations of our own taskflow, up to a revision.

It stands in for octavia-db-manage where the distribution's taskflow comes without
them. It is a process of its own for the same reason: it can be ended.
"""

import json
import sys

_NAME = "amphv2_bootstrap.adapters.schema.own_migrations"


def command() -> tuple[str, ...]:
    """The arguments that start it; it then reads its :func:`request`."""
    # Isolated: without the current folder, and variables of the environment.
    return (sys.executable, "-I", "-m", _NAME)


def request(connection: str, revision: str) -> str:
    """Its stdin.

    :param connection: the database's URL with the password.
    """
    return json.dumps({"connection": connection, "revision": revision})


def main() -> None:
    """Errors go to stderr, as octavia-db-manage prints them."""
    import sqlalchemy as sa
    from taskflow.persistence.backends.sqlalchemy import migration

    asked = json.load(sys.stdin)
    # One connection: its init_command takes a lock that it would wait for itself.
    engine = sa.create_engine(asked["connection"], poolclass=sa.StaticPool)
    try:
        with engine.begin() as connection:
            migration.db_sync(connection, asked["revision"])
    except sa.exc.DBAPIError as exc:
        sys.exit(f"{type(exc.orig).__module__}.{type(exc.orig).__name__}: {exc.orig}")


if __name__ == "__main__":
    main()
