# SPDX-License-Identifier: Apache-2.0
"""What the boards say of an error of their servers."""

import pytest
from kazoo.exceptions import NoAuthError
from redis.exceptions import AuthenticationError, ResponseError

from amphv2_bootstrap.engine.board import BoardUnavailableError
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.measures import Event
from amphv2_bootstrap.jobboards import board_errors
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.jobboards.sql.table import translated
from tests.unit.engine.counting import counted


def test_an_error_of_no_library_keeps_its_text() -> None:
    """It may quote what no masker knows: only its type is shown."""
    settings = BoardSettings(driver="etcd", namespace="n")
    error = board_errors.unavailable(settings, "connect", KeyError("unknown-secret"))
    assert "KeyError" in error.why
    assert "unknown-secret" not in str(error)


@pytest.mark.parametrize(
    ("driver", "cause", "word"),
    [
        ("redis", AuthenticationError("Authentication required."), "demands"),
        ("redis", ResponseError("MISCONF Errors writing"), "disk"),
        ("zookeeper", NoAuthError("/engine"), "create nodes"),
        ("etcd", "etcdserver: mvcc: database space exceeded", "defragment"),
        ("etcd", "something else", "let this account in"),
    ],
)
def test_the_advice_is_about_the_error(
    driver: str, cause: BaseException | str, word: str
) -> None:
    """Advice that is about that error replaces the general one; each is counted."""
    settings = BoardSettings(driver=driver, namespace="n")
    with counted() as events:
        assert word in board_errors.unavailable(settings, "connect", cause).todo
    assert events == {(Event.BOARD_FAILED, ""): 1}


def test_an_outage_of_the_database_is_one_of_the_board_in_it() -> None:
    """The board ``sql`` is unavailable with its database, which is counted."""
    with (
        counted() as events,
        pytest.raises(BoardUnavailableError, match="it is away"),
        translated(),
    ):
        raise DatabaseUnavailableError("read the engine's database", why="it is away")
    assert events == {(Event.BOARD_FAILED, ""): 1}
