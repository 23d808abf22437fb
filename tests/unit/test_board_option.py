# SPDX-License-Identifier: Apache-2.0
"""``--board`` leaves out the tests of other boards only."""

import pytest

from tests.board_option import BOARDS, left_of

_SUITE = """
import pytest

@pytest.fixture
def redis_server(): ...

@pytest.mark.parametrize("board", ["sql", "sql-mariadb", "redis", "etcd"])
def test_by_name(board): ...

def sql_on_mariadb(): ...

def zookeeper(): ...

@pytest.mark.parametrize("maker", [sql_on_mariadb, zookeeper])
def test_by_maker(maker): ...

def test_by_server(redis_server): ...

@pytest.mark.board("etcd")
def test_by_mark(): ...

@pytest.mark.parametrize("password", ["right", 7])
def test_of_none(password): ...
"""
_OF_NONE = {"test_of_none[right]", "test_of_none[7]"}
_OF = {
    "sql": {
        "test_by_name[sql]",
        "test_by_name[sql-mariadb]",
        "test_by_maker[sql_on_mariadb]",
    },
    "redis": {"test_by_name[redis]", "test_by_server"},
    "zookeeper": {"test_by_maker[zookeeper]"},
    "etcd": {"test_by_name[etcd]", "test_by_mark"},
}


def _run(pytester: pytest.Pytester, folder: str, *options: str) -> pytest.RunResult:
    suite = pytester.path / folder / "test_suite.py"
    suite.parent.mkdir(parents=True, exist_ok=True)
    suite.write_text(_SUITE)
    # Unneeded plugins take a second to load.
    plugins = ("tests.board_option", "no:hypothesispytest", "no:cacheprovider")
    chosen = [part for name in plugins for part in ("-p", name)]
    return pytester.runpytest_inprocess("-v", *chosen, *options, folder)


def _names(done: pytest.RunResult) -> set[str]:
    passed = [line for line in done.outlines if " PASSED" in line]
    return {line.split(" PASSED")[0].rpartition("::")[2] for line in passed}


@pytest.mark.parametrize(
    ("folder", "board"),
    [
        ("contract", "sql"),
        ("functional", "redis"),
        ("faults", "zookeeper"),
        ("contract", "etcd"),
    ],
)
def test_tests_of_other_boards_are_left_out(
    folder: str, board: str, pytester: pytest.Pytester
) -> None:
    """A test's boards are known by parameter, server or mark; without any it is run."""
    done = _run(pytester, f"tests/{folder}", "--board", board)
    assert _names(done) == _OF[board] | _OF_NONE
    done.assert_outcomes(passed=len(_OF[board]) + 2, deselected=8 - len(_OF[board]))


def test_several_boards_may_be_given(pytester: pytest.Pytester) -> None:
    """With two boards, the tests of both are run."""
    done = _run(pytester, "tests/faults", "--board", "sql", "--board", "etcd")
    assert _names(done) == _OF["sql"] | _OF["etcd"] | _OF_NONE


def test_all_tests_are_run_without_the_option(pytester: pytest.Pytester) -> None:
    """Without ``--board``, no test is left out."""
    assert _names(_run(pytester, "tests/faults")) == set().union(
        _OF_NONE, *_OF.values()
    )


def test_unit_tests_are_always_run(pytester: pytest.Pytester) -> None:
    """Unit tests are run for any board, even if a parameter is a board's name."""
    done = _run(pytester, "tests/unit", "--board", "sql")
    done.assert_outcomes(passed=10)


def test_an_unknown_board_is_refused(pytester: pytest.Pytester) -> None:
    """The error names the boards that exist."""
    done = _run(pytester, "tests/faults", "--board", "nope")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    for name in (*BOARDS, "nope"):
        assert repr(name) in done.stderr.str()


def test_the_kinds_that_are_left(pytester: pytest.Pytester) -> None:
    """A test that chooses its boards itself gets only those of the option."""
    kinds = ("sql", "sql-mariadb", "redis")
    for options, left in (
        ((), list(kinds)),
        (("--board=sql",), ["sql", "sql-mariadb"]),
        (("--board=etcd", "--board=redis"), ["redis"]),
        (("--board=etcd",), []),
    ):
        config = pytester.parseconfig("-p", "tests.board_option", *options)
        assert left_of(kinds, config) == left
