# SPDX-License-Identifier: Apache-2.0
"""The engine's database on both kinds of server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.engine.storage.database import Database
from tests.servers.mariadb import MariaDB

OpenDatabase = Callable[..., Database]


@pytest.fixture(params=["sqlite", "mariadb"])
def open_database(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[OpenDatabase]:
    """Opens the same database any number of times, as several hosts do.

    Another name is another database.
    """
    opened: list[Database] = []

    def open_it(name: str = "engine") -> Database:
        url = f"sqlite:///{tmp_path}/{name}.sqlite"
        if request.param == "mariadb":
            url = _on_server(request.getfixturevalue("mariadb"), name)
        opened.append(Database(url))
        return opened[-1]

    yield open_it
    for database in opened:
        database.close()


def _on_server(server: MariaDB, name: str) -> str:
    server.execute(f"CREATE DATABASE IF NOT EXISTS amphv2_{name}")
    return f"{server.root_url}/amphv2_{name}"
