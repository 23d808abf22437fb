# SPDX-License-Identifier: Apache-2.0
"""One octavia.conf a service, as kolla-ansible makes them.

Source: kolla-ansible's role octavia (tasks/config.yml) gives each service a folder and
an octavia.conf; the worker, the health manager and housekeeping use the jobboard.
"""

import itertools
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.steps.controller.check_effective_configuration import (
    CheckEffectiveConfiguration,
)
from amphv2_bootstrap.steps.controller.restart_octavia_services import (
    RestartOctaviaServices,
)
from amphv2_bootstrap.steps.controller.write_octavia_configuration import (
    WriteOctaviaConfiguration,
)
from amphv2_bootstrap.steps.wanted_options import wanted_options
from tests import DATA
from tests.unit.irreplaceable import WAYS
from tests.unit.killed import run_killed_at
from tests.unit.steps.controller_host import Controller, several_files

ORIGINAL = (DATA / "octavia.conf").read_bytes()


@pytest.fixture
def files(controller: Controller) -> list[Path]:
    return several_files(controller)


def _write(controller: Controller) -> dict[str, Any]:
    return WriteOctaviaConfiguration(controller.context).execute()


def _restart(controller: Controller) -> dict[str, Any]:
    return RestartOctaviaServices(controller.context).execute()


def _final(controller: Controller) -> bytes:
    return conf_file.set_options(
        ORIGINAL, "task_flow", wanted_options(controller.context)
    )


def _contents(files: list[Path]) -> set[bytes]:
    return {file.read_bytes() for file in files}


def _written(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_ino, found.st_mtime_ns


def _remains(controller: Controller, files: list[Path]) -> list[Path]:
    """Backups beside the files, and markers."""
    backups = [path for file in files for path in file.parent.glob("*.amphv2-*")]
    return backups + list(Path(controller.context.host.state_path).glob("restart*"))


def test_all_files_get_the_options(controller: Controller, files: list[Path]) -> None:
    """One run writes each with a backup, and restarts the services once."""
    result = _write(controller)
    assert _contents(files) == {_final(controller)}
    assert result["effect"] == "changed"
    assert all(str(file) in result["summary"] for file in files)
    assert len(result["made"]) == len(files)
    assert _restart(controller)["effect"] == "changed"
    assert len(controller.seen) == 1
    assert _write(controller)["effect"] == _restart(controller)["effect"] == "unchanged"


def test_each_file_is_checked_as_octavia_loads_it(
    controller: Controller, files: list[Path]
) -> None:
    """An option that differs in the last file only is found, and the file named."""
    _write(controller)
    summary = CheckEffectiveConfiguration(controller.context).execute()["summary"]
    assert all(str(file) in summary for file in files)
    text = (
        files[-1]
        .read_text()
        .replace("jobboard_enabled = True", "jobboard_enabled = no")
    )
    files[-1].write_text(text)
    with pytest.raises(PermanentError, match="jobboard_enabled is False") as caught:
        CheckEffectiveConfiguration(controller.context).execute()
    assert str(files[-1]) in str(caught.value)


def test_only_the_file_that_lacks_options_is_written(
    controller: Controller, files: list[Path]
) -> None:
    """The others keep their bytes and get no backup."""
    _write(controller)
    _restart(controller)
    files[1].write_bytes(ORIGINAL)
    before = [_written(file) for file in (files[0], files[2])]
    result = _write(controller)
    assert _contents(files) == {_final(controller)}
    assert [_written(file) for file in (files[0], files[2])] == before
    assert len(result["made"]) == 1
    assert _restart(controller)["effect"] == "changed"


Obstacle = Callable[[Path], AbstractContextManager[None]]


@pytest.mark.parametrize("way", WAYS)
def test_one_file_that_cannot_be_replaced_keeps_all_as_they_are(
    way: str, controller: Controller, files: list[Path]
) -> None:
    """It is looked at before the first file is written."""
    make, words = WAYS[way]
    with make(files[-1]):
        with pytest.raises(PermanentError, match=words):
            _write(controller)
        assert _contents(files) == {ORIGINAL}
        assert not _remains(controller, files[:-1])


def test_a_foreign_option_in_one_file_keeps_all_as_they_are(
    controller: Controller, files: list[Path]
) -> None:
    """Also in a file that has all wanted options; the error names the file."""
    foreign = _final(controller).replace(
        b"[task_flow]", b"[task_flow]\njobboard_save_logbook = True"
    )
    files[-1].write_bytes(foreign)
    with pytest.raises(PermanentError, match="jobboard_save_logbook") as caught:
        _write(controller)
    assert str(files[-1]) in str(caught.value)
    assert _contents(files) == {ORIGINAL, foreign}
    assert not _remains(controller, files)


def test_a_write_that_fails_takes_back_those_before_it(
    controller: Controller, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure in the last file, no file, backup, note or marker is left."""
    rename, refused = os.rename, itertools.count()

    def immutable(source: str, target: str, **folders: int) -> None:
        if target == "octavia.conf" and next(refused) == len(files) - 1:
            raise PermissionError(1, "Operation not permitted")
        rename(source, target, **folders)

    step = WriteOctaviaConfiguration(controller.context)
    monkeypatch.setattr(os, "rename", immutable)
    with pytest.raises(PermanentError, match="not permitted"):
        step.execute()
    monkeypatch.undo()
    assert _contents(files) == {ORIGINAL}
    assert not _remains(controller, files)
    assert step.intents.all() == ()


def test_what_an_interrupted_run_wrote_is_taken_back_where_the_rest_is_refused(
    controller: Controller, files: list[Path]
) -> None:
    """All files are as before; the marker stays, since a service may have started."""
    backup = durable_file.make_backup(str(files[0]))
    marker = RestartMarker(controller.context.host.state_path, str(files[0]))
    marker.set(backup)
    files[0].write_bytes(_final(controller))
    make, words = WAYS["hard-linked"]
    with make(files[-1]), pytest.raises(PermanentError, match=words):
        _write(controller)
    assert _contents(files) == {ORIGINAL}
    assert marker.is_set()
    _write(controller)
    assert _contents(files) == {_final(controller)}


def test_revert_restores_each_file(controller: Controller, files: list[Path]) -> None:
    """All have the old bytes, and the services are restarted once."""
    result = _write(controller)
    _restart(controller)
    WriteOctaviaConfiguration(controller.context).revert(result)
    assert _contents(files) == {ORIGINAL}
    assert len(controller.seen) == 2
    assert _restart(controller)["effect"] == "unchanged"


def test_revert_leaves_the_file_that_others_changed(
    controller: Controller, files: list[Path]
) -> None:
    """A later edit of one file stays, and the others are restored."""
    result = _write(controller)
    _restart(controller)
    edited = files[0].read_bytes() + b"# by hand\n"
    files[0].write_bytes(edited)
    WriteOctaviaConfiguration(controller.context).revert(result)
    assert [file.read_bytes() for file in files] == [edited, ORIGINAL, ORIGINAL]
    assert len(controller.seen) == 2


def test_a_kill_at_any_moment_leaves_a_state_that_the_next_run_finishes(
    controller: Controller,
) -> None:
    """Then all files are written and the last restart came after the last write."""
    for moment in itertools.count():
        folder = controller.folder / str(moment)
        folder.mkdir()
        victim = Controller(folder)
        files = several_files(victim)

        def both(victim: Controller = victim) -> None:
            _write(victim)
            _restart(victim)

        survived = run_killed_at(moment, both)
        result = _write(victim)
        again = _restart(victim)
        assert _contents(files) == {_final(victim)}, moment
        assert victim.seen, moment
        assert _restart(victim)["effect"] == "unchanged", moment
        if survived:
            assert result["effect"] == again["effect"] == "unchanged"
            break
    assert moment >= 30, "the faults were not placed"
