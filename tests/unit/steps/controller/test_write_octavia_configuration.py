# SPDX-License-Identifier: Apache-2.0
import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.steps.base import StepResult
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
from tests.unit.steps.controller_host import PASSWORD, Controller

ORIGINAL = (DATA / "octavia.conf").read_bytes()


def _write(controller: Controller) -> dict[str, Any]:
    return WriteOctaviaConfiguration(controller.context).execute()


def _final(controller: Controller) -> bytes:
    wanted = wanted_options(controller.context)
    return conf_file.set_options(ORIGINAL, "task_flow", wanted)


def _backups(controller: Controller) -> list[Path]:
    return list(controller.conf.parent.glob("*.bak"))


def test_it_sets_our_options_and_asks_for_a_restart(controller: Controller) -> None:
    """The file has the options, the backup has the old bytes, the marker is set."""
    result = _write(controller)
    assert result["effect"] == "changed"
    assert controller.conf.read_bytes() == _final(controller)
    (backup,) = _backups(controller)
    assert backup.read_bytes() == ORIGINAL
    assert controller.marker.is_set()
    assert controller.marker.backup() == str(backup)
    assert str(backup) in result["made"][0]
    assert "jobboard_backend_port" in result["summary"]


def test_its_result_holds_no_secret(controller: Controller) -> None:
    """The result and the marker hold no value of a secret option."""
    text = json.dumps(_write(controller)) + Path(controller.marker.path).read_text()
    for secret in ("s3cret", PASSWORD, "p%40s", "w%2Fo"):
        assert secret not in text


def test_the_second_run_changes_nothing(controller: Controller) -> None:
    """After the restart nothing is written, backed up or marked."""
    _write(controller)
    RestartOctaviaServices(controller.context).execute()
    before = controller.conf.stat()
    result = _write(controller)
    assert result["effect"] == "unchanged"
    assert result["made"] == []
    after = controller.conf.stat()  # reading changes st_atime
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
    assert len(_backups(controller)) == 1
    assert not controller.marker.is_set()


def test_what_means_the_same_stays(controller: Controller) -> None:
    """A file that says the same in other words is no change, and needs no restart."""
    controller.task_flow["jobboard_backend_hosts"] = ("10.0.0.1", "kv2")
    wanted = wanted_options(controller.context)
    spelt = {
        **wanted,
        "jobboard_enabled": "yes",
        "jobboard_backend_hosts": "10.0.0.1, KV2",
        "persistence_connection": wanted["persistence_connection"].replace(
            "%2F", "%2f"
        ),
    }
    assert spelt["persistence_connection"] != wanted["persistence_connection"]
    before = conf_file.set_options(ORIGINAL, "task_flow", spelt)
    controller.conf.write_bytes(before)
    result = _write(controller)
    assert result["effect"] == "unchanged"
    assert controller.conf.read_bytes() == before
    assert not _backups(controller)
    assert not controller.marker.is_set()


def test_a_run_after_an_interruption_knows_the_backup(controller: Controller) -> None:
    """After a kill between write and restart, the next run reports the change."""
    made = _write(controller)["made"]
    again = _write(controller)
    assert (again["effect"], again["made"]) == ("changed", made)


def test_a_world_readable_file_is_warned_of(controller: Controller) -> None:
    """The mode stays, and a warning says what it means."""
    controller.conf.chmod(0o644)
    assert "may read" in _write(controller)["warnings"][0]
    assert controller.conf.stat().st_mode & 0o777 == 0o644
    controller.conf.chmod(0o640)
    assert _write(controller)["warnings"] == []


def test_a_file_that_cannot_be_parsed_is_left(controller: Controller) -> None:
    """Neither the file nor its folder changes, and the error doesn't show its text."""
    controller.conf.write_bytes(b"[task_flow]\ns3cret\n")
    with pytest.raises(PermanentError, match="line 2") as caught:
        _write(controller)
    assert "s3cret" not in str(caught.value)
    assert controller.conf.read_bytes() == b"[task_flow]\ns3cret\n"
    assert not _backups(controller)
    assert not controller.marker.is_set()


def _set_by_hand(controller: Controller, *lines: str) -> bytes:
    text = ORIGINAL + "\n".join(("", "[task_flow]", *lines, "")).encode()
    controller.conf.write_bytes(text)
    return text


@pytest.mark.parametrize("by", ["octavia", "table"])
def test_foreign_options_are_refused_before_the_write(
    by: str, controller: Controller, request: pytest.FixtureRequest
) -> None:
    """Nothing changes; the error names each option and both remedies, no secret."""
    if by == "octavia":
        python = request.getfixturevalue("octavia_python_path")
        controller.settings["octavia_python"] = python
    before = _set_by_hand(
        controller,
        "jobboard_save_logbook = True",
        "jobboard_redis_sentinel_password = s3cret",
        "jobboard_redis_backend_db = -1",
    )
    with pytest.raises(PermanentError) as caught:
        _write(controller)
    text = str(caught.value)
    assert str(controller.conf) in text
    assert "jobboard_save_logbook is True" in text
    assert "jobboard_redis_sentinel_password is set" in text
    assert "jobboard_redis_backend_db is invalid" in text
    assert "s3cret" not in text
    assert "[octavia] of amphv2-bootstrap.conf on all controllers" in text
    assert "remove them from" in text
    assert controller.conf.read_bytes() == before
    assert not _backups(controller)
    assert not controller.marker.is_set()


def test_options_that_the_driver_does_not_read_may_stay(
    controller: Controller,
) -> None:
    """Defaults, options that the step replaces, and other options may stay, too."""
    _set_by_hand(
        controller,
        "jobboard_etcd_ssl_options = use_ssl:True",
        "jobboard_redis_backend_db = 0",
        "jobboard_backend_port = none",
        "max_workers = 9",
    )
    assert _write(controller)["effect"] == "changed"
    assert b"\nmax_workers = 9\n" in controller.conf.read_bytes()


def test_revert_restores_the_file(controller: Controller) -> None:
    """The old bytes are back, and the services run with them."""
    result = _write(controller)
    RestartOctaviaServices(controller.context).execute()
    WriteOctaviaConfiguration(controller.context).revert(result)
    assert controller.conf.read_bytes() == ORIGINAL
    assert controller.conf.stat().st_mode & 0o777 == 0o640
    assert controller.seen == [_final(controller), ORIGINAL]
    assert not controller.marker.is_set()


def test_revert_leaves_what_others_changed(
    controller: Controller, caplog: pytest.LogCaptureFixture
) -> None:
    """A later edit is never overwritten; a warning names the backup."""
    result = _write(controller)
    edited = controller.conf.read_bytes() + b"# by hand\n"
    controller.conf.write_bytes(edited)
    WriteOctaviaConfiguration(controller.context).revert(result)
    assert controller.conf.read_bytes() == edited
    assert str(_backups(controller)[0]) in caplog.text
    assert controller.seen == []


def test_revert_of_an_unchanged_file_does_nothing(controller: Controller) -> None:
    """A revert doesn't undo a configuration that was right before."""
    _write(controller)
    controller.marker.clear()
    WriteOctaviaConfiguration(controller.context).revert(_write(controller))
    assert controller.conf.read_bytes() == _final(controller)


def test_revert_without_the_backup_leaves_the_file(
    controller: Controller, caplog: pytest.LogCaptureFixture
) -> None:
    """If the operator has removed the backup, the file stays."""
    result = _write(controller)
    _backups(controller)[0].unlink()
    WriteOctaviaConfiguration(controller.context).revert(result)
    assert controller.conf.read_bytes() == _final(controller)
    assert "is gone" in caplog.text


def test_an_edit_at_the_same_moment_is_kept(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit between read and write is a transient error, and isn't overwritten."""
    make_folder = os.mkdir

    def edit(*args: Any, **kwargs: Any) -> None:
        controller.conf.write_bytes(ORIGINAL + b"# by hand\n")
        make_folder(*args, **kwargs)

    monkeypatch.setattr(os, "mkdir", edit)
    with pytest.raises(TransientError, match="somebody else"):
        _write(controller)
    monkeypatch.undo()
    _write(controller)
    assert controller.conf.read_bytes().endswith(b"# by hand\n")


def test_a_kill_at_any_moment_loses_no_restart(controller: Controller) -> None:
    """After a kill before any system call, a new process completes both steps.

    Then the services' last restart has seen the final file.
    """
    for moment in itertools.count():
        folder = controller.folder / str(moment)
        folder.mkdir()
        victim = Controller(folder)
        survived = run_killed_at(moment, lambda v=victim: _both_steps(v))  # type: ignore[misc]
        write = StepResult.from_dict(_write(victim))
        restart = RestartOctaviaServices(victim.context).execute()
        assert victim.conf.read_bytes() == _final(victim), moment
        assert victim.seen, moment
        assert victim.seen[-1] == _final(victim), moment
        assert not victim.marker.is_set()
        assert not list(victim.conf.parent.glob("*.tmp")), moment
        if survived:
            assert write.effect == restart["effect"] == "unchanged"
            break
    assert moment >= 10, "the faults were not placed"


def _both_steps(controller: Controller) -> None:
    _write(controller)
    RestartOctaviaServices(controller.context).execute()


@pytest.mark.parametrize("way", WAYS)
def test_an_irreplaceable_file_is_refused_before_anything_is_written(
    way: str, controller: Controller
) -> None:
    """A mount or a hard-linked file leaves neither a backup nor a marker."""
    make, words = WAYS[way]
    with make(controller.conf):
        for _ in range(2):
            with pytest.raises(PermanentError, match=words):
                _write(controller)
        assert not _backups(controller)
        assert not controller.marker.is_set()
        controller.conf.write_bytes(_final(controller))
        assert _write(controller)["effect"] == "unchanged"


def test_a_failed_write_leaves_no_backup_and_no_marker(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the file can't be replaced, no restart is asked for."""
    rename = os.rename

    def immutable(source: str, target: str, **folders: int) -> None:
        if target == controller.conf.name:
            raise PermissionError(1, "Operation not permitted")
        rename(source, target, **folders)

    monkeypatch.setattr(os, "rename", immutable)
    with pytest.raises(PermanentError, match="not permitted"):
        _write(controller)
    assert not controller.marker.is_set()
    assert not _backups(controller)
    controller.marker.set("earlier")
    with pytest.raises(PermanentError, match="not permitted"):
        _write(controller)
    assert controller.marker.backup() == "earlier"


def test_a_file_that_was_replaced_after_all_keeps_its_marker(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an error behind the change, backup and marker stay."""
    sync = os.fsync

    def broken(handle: int) -> None:
        if controller.conf.read_bytes() != ORIGINAL:
            raise OSError(5, "Input/output error")
        sync(handle)

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(TransientError, match="Input/output"):
        _write(controller)
    monkeypatch.undo()
    (backup,) = _backups(controller)
    assert controller.marker.backup() == str(backup)
