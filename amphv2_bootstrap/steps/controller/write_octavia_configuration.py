# SPDX-License-Identifier: Apache-2.0
"""``write-octavia-configuration``: octavia.conf has the wanted ``[task_flow]``."""

import contextlib
import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.octavia.introspection import API_GROUP
from amphv2_bootstrap.errors import BootstrapError, PermanentError, TransientError
from amphv2_bootstrap.steps.base import (
    CHANGED,
    UNCHANGED,
    Change,
    Context,
    Kind,
    Seen,
    Step,
    StepResult,
)
from amphv2_bootstrap.steps.controller import octavia_restart
from amphv2_bootstrap.steps.controller.restart_octavia_services import (
    MOST_RESTARTS,
    restart_where_needed,
)
from amphv2_bootstrap.steps.foreign_options import refuse_foreign_options
from amphv2_bootstrap.steps.former_jobboard import refuse_to_leave_jobs
from amphv2_bootstrap.steps.missing_options import refuse_missing_options
from amphv2_bootstrap.steps.octavia_file import OctaviaFile
from amphv2_bootstrap.steps.provider import refuse_unused_jobboard
from amphv2_bootstrap.steps.wanted_options import wanted_values

LOG = logging.getLogger(__name__)

_BACKUP = "backup of octavia.conf: "


class WriteOctaviaConfiguration(Step):
    """Set our options, and nothing else, in each octavia.conf (promise P9).

    A value that means the same as the wanted one stays as it is.

    It first refuses options that this Octavia lacks, foreign ones, a jobboard that no
    load balancer would use, and to leave a jobboard on which jobs wait: see
    :mod:`~amphv2_bootstrap.steps.missing_options`,
    :mod:`~amphv2_bootstrap.steps.foreign_options`,
    :mod:`~amphv2_bootstrap.steps.provider` and
    :mod:`~amphv2_bootstrap.steps.former_jobboard`. All files are looked at before the
    first is written, and a failure takes back those that were. After a kill in between,
    the next run writes the rest. ``made`` names the backups, from which a revert
    restores the files.
    """

    atom_name = "write-octavia-configuration"
    most_attempts = MOST_RESTARTS  # undoing it restarts the services

    def __init__(self, context: Context, systemd: Systemd | None = None) -> None:
        super().__init__(context)
        self._systemd = systemd or Systemd()

    @property
    def aim(self) -> str:
        names = ", ".join(wanted_values(self.context))
        paths = ", ".join(self.context.host.config_files)
        text = f"set in [task_flow] of {paths}, where they differ: {names}"
        if self.context.spec.set_default_provider:
            text += f"; in [{API_GROUP}]: a default provider that uses the jobboard"
        return text

    def look(self, ahead: Collection[str] = ()) -> Seen:
        return self._look(self._files())

    def act(self) -> StepResult:
        files = self._files()
        with _all_or_none(files):
            seen = self._look(files)
            self._write([file for file in files if file.lacks_options])
        return self._done(files, seen)

    def _files(self) -> tuple[OctaviaFile, ...]:
        return tuple(map(OctaviaFile, self.context.of_each_file()))

    def _look(self, files: Sequence[OctaviaFile]) -> Seen:
        lacking = [file for file in files if file.lacks_options]
        left = self._refuse(files) if lacking else ()
        names = ", ".join(file.path for file in files)
        there = f"{names} {'have' if len(files) > 1 else 'has'} all wanted options"
        changes = (Change(Kind.FILE, file.path, file.difference) for file in lacking)
        return Seen(
            StepResult(UNCHANGED, there, (*_exposure(files), *left)), tuple(changes)
        )

    def _done(self, files: Sequence[OctaviaFile], seen: Seen) -> StepResult:
        found = {file: file.marker.backup() for file in files}
        made = tuple(_BACKUP + backup for backup in found.values() if backup)
        return StepResult(
            CHANGED if made else UNCHANGED,
            "; ".join(_summary(found)),
            warnings=seen.result.warnings,
            made=made,
        )

    def _refuse(self, files: Sequence[OctaviaFile]) -> tuple[str, ...]:
        """Look at all files, whatever this host's Octavia would do with them."""
        refuse_missing_options(self.context)
        for file in files:
            refuse_foreign_options(file.context)
            refuse_unused_jobboard(file.context)
        lacking = [file for file in files if file.lacks_options]
        for file in lacking:
            durable_file.check_replaceable(file.path)
        warnings = [refuse_to_leave_jobs(file.context) for file in lacking]
        return tuple(dict.fromkeys(text for texts in warnings for text in texts))

    def _write(self, files: Sequence[OctaviaFile]) -> None:
        """Write the files; after an error they are as they were, and so is the rest."""
        with contextlib.ExitStack() as stack:
            for file in files:
                backup = durable_file.make_backup(file.path)
                self.intents.add(_BACKUP + backup)
                stack.callback(self._take_back, file, backup)
                file.write(backup)
            stack.pop_all()

    def _take_back(self, file: OctaviaFile, backup: str) -> None:
        with contextlib.suppress(BootstrapError):  # the next run writes the rest
            file.take_back(backup)
            self.intents.remove(_BACKUP + backup)

    @property
    def time_limit(self) -> float:
        return octavia_restart.time_limit(self.context.host, self._systemd)

    def undo(self, result: StepResult) -> str | None:
        """Restore the backups and restart, if nobody has changed the files since.

        By the rules of ``restart-octavia-services``.
        """
        backups = [
            made.removeprefix(_BACKUP)
            for made in result.made
            if made.startswith(_BACKUP)
        ]
        restored = [
            OctaviaFile(context).restore(backup)
            for context in self.context.of_each_file()
            for backup in backups
            if _is_backup_of(backup, context.host.config_file)
        ]
        if not any(restored):
            return None
        done = restart_where_needed(self.context, self._systemd)
        for warning in done.warnings:
            LOG.warning("%s", warning)
        files = ", ".join(self.context.host.config_files)
        return "; ".join((f"put back {files}", done.summary, *done.warnings))


@contextlib.contextmanager
def _all_or_none(files: Sequence[OctaviaFile]) -> Iterator[None]:
    """After an error, also take back what an interrupted run has written."""
    try:
        yield
    except (PermanentError, TransientError):
        for file in files:
            backup = None if file.lacks_options else file.marker.backup()
            if backup:
                with contextlib.suppress(BootstrapError):  # the marker stays
                    file.restore(backup)
        raise


def _summary(found: Mapping[OctaviaFile, str | None]) -> Iterator[str]:
    """What was done, and to which files; their backups last."""
    paths: dict[str, list[str]] = {}
    for file, backup in found.items():
        paths.setdefault(_what(file, backup), []).append(file.path)
    yield from (what.format(", ".join(paths[what])) for what in paths)
    backups = ", ".join(filter(None, found.values()))
    if backups:
        yield f"backup: {backups}"


def _what(file: OctaviaFile, backup: str | None) -> str:
    if file.lacks_options:
        return f"set {', '.join(file.changed_names)} in {{}}"
    # With a backup, that run ended before the restart.
    return "set by an interrupted run in {}" if backup else "{} has all wanted options"


def _exposure(files: Sequence[OctaviaFile]) -> Iterator[str]:
    """The mode stays (P9), but the files hold passwords (P7): warn."""
    for file in files:
        if durable_file.is_world_readable(file.path):
            yield f"Everybody on this host may read {file.path} and its passwords."


def _is_backup_of(backup: str, path: str) -> bool:
    return os.path.realpath(backup).startswith(f"{os.path.realpath(path)}.amphv2-")
