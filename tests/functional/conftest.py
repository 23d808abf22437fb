# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests with real programs."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.functional.site import KeyValue, MakeSite, Site, stopped_at_end
from tests.servers.mariadb import MariaDB


@pytest.fixture(scope="session")
def octavia_bin(octavia_venv: Path) -> Path:
    """The folder of Octavia's programs."""
    return octavia_venv / "bin"


def key_value(request: pytest.FixtureRequest, driver: str) -> KeyValue:
    """The session's server of that driver, started at its first use."""
    server: Any = request.getfixturevalue(f"{driver}_server")
    return KeyValue(driver, server.port, getattr(server, "password", None))


def board_options(
    request: pytest.FixtureRequest, board: str, namespace: str
) -> Mapping[str, str]:
    """The options in ``[task_flow]`` for the engine's own jobboard."""
    if board == "sql":
        return {}
    return {
        **key_value(request, board).options(),
        "jobboard_backend_namespace": namespace,
    }


@pytest.fixture
def make_site(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    mariadb: MariaDB,
    octavia_bin: Path,
) -> Iterator[MakeSite]:
    """Make a site: ``make_site(board="redis", driver="redis", engine="mariadb")``.

    ``board`` is the engine's own jobboard, ``driver`` the key-value backend for
    Octavia, ``engine`` the engine's database (the hosts share the file of ``sqlite``),
    ``octavia`` the folder of Octavia's programs.
    """
    with contextlib.ExitStack() as stack:

        def make(
            board: str = "sql",
            driver: str = "redis",
            engine: str = "sqlite",
            octavia: Path = octavia_bin,
            **more: Any,
        ) -> Site:
            namespace = f"engine-{tmp_path.name}"
            site = Site(
                folder=tmp_path / f"site-{len(list(tmp_path.iterdir()))}",
                mariadb=mariadb,
                key_value=key_value(request, driver),
                board=board_options(request, board, namespace),
                engine_url=_engine_url(tmp_path, mariadb, engine),
                db_manage=str(octavia / "octavia-db-manage"),
                **more,
            )
            stack.enter_context(stopped_at_end(site))
            if engine == "mariadb":
                done = site.cli("db", "upgrade")
                assert done.returncode == 0, done.stderr
            return site

        yield make


def _engine_url(folder: Path, mariadb: MariaDB, engine: str) -> str:
    if engine == "sqlite":
        return f"sqlite:///{folder}/engine.sqlite"
    mariadb.execute("CREATE DATABASE IF NOT EXISTS amphv2_engine")
    return f"{mariadb.root_url}/amphv2_engine"
