# SPDX-License-Identifier: Apache-2.0
"""A command waits for an engine's database that is away, and says so once."""

import pytest

from amphv2_bootstrap.cmd.output import patience
from amphv2_bootstrap.cmd.output.patience import Timeout, outlast
from amphv2_bootstrap.engine.errors import AccessDeniedError, DatabaseUnavailableError
from tests.clock import Clock

AWAY = DatabaseUnavailableError("read it", why="it is away")
DENIED = AccessDeniedError("read it", why="access denied")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Moved by the sleeps between two attempts alone."""
    clock = Clock()
    monkeypatch.setattr(patience, "time", clock)
    return clock


class Flaky:
    """It fails as often as the test wants."""

    def __init__(self, *failures: DatabaseUnavailableError) -> None:
        self.failures = list(failures)

    def __call__(self) -> str:
        if self.failures:
            raise self.failures.pop()
        return "found"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "read it: it is away; waiting until it is back\n"),
        (60.0, "read it: it is away; waiting until it is back, 60 s at most\n"),
    ],
)
def test_an_outage_is_outlasted(
    seconds: float | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one line on stderr, however many attempts it takes."""
    assert outlast(Flaky(*[AWAY] * 60), Timeout(seconds)) == "found"
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    ("seconds", "failures", "left"),
    [(60.0, [AWAY] * 62, 1), (0.0, [AWAY] * 2, 1), (None, [AWAY, DENIED], 1)],
    ids=["too long", "no patience", "refused login"],
)
def test_what_is_not_outlasted(
    seconds: float | None, failures: list[DatabaseUnavailableError], left: int
) -> None:
    """The last error is raised."""
    call = Flaky(*failures)
    with pytest.raises(DatabaseUnavailableError):
        outlast(call, Timeout(seconds))
    assert len(call.failures) == left
