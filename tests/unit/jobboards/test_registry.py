# SPDX-License-Identifier: Apache-2.0
"""Drivers are found by name, and errors say what is missing."""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from stevedore.extension import ExtensionManager

from amphv2_bootstrap.conf.options import task_flow
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.jobboards.registry import NAMESPACE, open_board
from amphv2_bootstrap.jobboards.settings import BoardSettings

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a distribution with one driver, as pip would."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(ExtensionManager, "ENTRY_POINT_CACHE", {})
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, source: str) -> None:
        folder = tmp_path / f"board_{name}-1.dist-info"
        folder.mkdir()
        (tmp_path / f"board_{name}.py").write_text(source)
        (folder / "METADATA").write_text(f"Name: board_{name}\nVersion: 1\n")
        (folder / "entry_points.txt").write_text(
            f"[{NAMESPACE}]\n{name} = board_{name}:open_board\n"
        )

    return install


def test_driver_is_found_by_name(install: Install) -> None:
    """The driver that the settings name gets them, and makes the board."""
    install("toy", "def open_board(settings): return ['board', settings]")
    settings = BoardSettings(driver="toy", namespace="test")
    board: object = open_board(settings)
    assert board == ["board", settings]


def test_missing_client_library(install: Install) -> None:
    """The error for a driver that can't be imported names the extra to install."""
    install("lame", "import a_library_that_is_not_there")
    with pytest.raises(PermanentError, match=r"amphv2-bootstrap\[lame\]") as caught:
        open_board(BoardSettings(driver="lame", namespace="test"))
    assert "a_library_that_is_not_there" in str(caught.value)


def test_unknown_driver(install: Install) -> None:
    """The error for an unknown driver names those that are installed."""
    with pytest.raises(PermanentError, match=r"etcd, .*redis, .*sql, .*zookeeper"):
        open_board(BoardSettings(driver="nosuch", namespace="test"))


def test_every_driver_is_a_choice() -> None:
    """Operators may set each registered driver, and no other."""
    driver: Any = next(
        option for option in task_flow.OPTS if option.name == "jobboard_backend_driver"
    )
    choices = {name.removesuffix("_taskflow_driver") for name in driver.type.choices}
    assert choices == entry_points(group=NAMESPACE).names
