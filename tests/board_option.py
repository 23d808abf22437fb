# SPDX-License-Identifier: Apache-2.0
"""``--board NAME``: leave out the tests of all other kinds of jobboards."""

from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points

import pytest

BOARDS = tuple(sorted(entry_points(group="amphv2_bootstrap.jobboards").names))
_BOARD_OF = {
    **{name: name for name in BOARDS},
    "sql-mariadb": "sql",
    "sql_on_mariadb": "sql",
    "sentinel": "redis",
}
"""The board, by all names that tests give to a board or its server."""

_SERVERS = {
    "redis_server": "redis",
    "redis_sentinels": "redis",
    "zookeeper_server": "zookeeper",
    "etcd_server": "etcd",
}
"""The board of each fixture that is a server. MariaDB serves other purposes too."""

_SUITES = ("tests/contract/", "tests/functional/", "tests/faults/", "tests/lab/")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--board``; tests/conftest.py makes this module a plugin of pytest."""
    parser.addoption(
        "--board",
        action="append",
        choices=BOARDS,
        default=[],
        metavar="NAME",
        help="run the contract, functional and fault tests on this board only:"
        f" {', '.join(BOARDS)}; may be given several times",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add the mark of a test of one board that no parameter or fixture shows."""
    config.addinivalue_line("markers", "board(name): a test of this board alone")


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out each test that is about other boards only."""
    chosen = set(config.getoption("--board"))
    if not chosen:
        return
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        needed = set(_needed(item)) if item.nodeid.startswith(_SUITES) else set()
        (left_out if needed and not needed & chosen else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def _needed(item: pytest.Item) -> Iterator[str]:
    """The boards that a test is about, by its marks, fixtures and parameters."""
    for mark in item.iter_markers("board"):
        yield from (_BOARD_OF[name] for name in mark.args)
    if not isinstance(item, pytest.Function):
        return
    for fixture in item.fixturenames:
        if fixture in _SERVERS:
            yield _SERVERS[fixture]
    if hasattr(item, "callspec"):
        for value in item.callspec.params.values():
            name = str(getattr(value, "__name__", value))
            if name in _BOARD_OF:
                yield _BOARD_OF[name]


def left_of(kinds: Sequence[str], config: pytest.Config) -> list[str]:
    """The kinds that ``--board`` does not leave out."""
    chosen = config.getoption("--board") or BOARDS
    return [kind for kind in kinds if _BOARD_OF[kind] in chosen]
