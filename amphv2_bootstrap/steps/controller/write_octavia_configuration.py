# SPDX-License-Identifier: Apache-2.0
"""``write-octavia-configuration``: octavia.conf has the wanted ``[task_flow]``."""

import logging
from pathlib import Path

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.steps.base import CHANGED, UNCHANGED, Context, Step, StepResult
from amphv2_bootstrap.steps.controller.restart_octavia_services import (
    MOST_RESTARTS,
    restart_where_needed,
)
from amphv2_bootstrap.steps.foreign_options import refuse_foreign_options
from amphv2_bootstrap.steps.former_jobboard import refuse_to_leave_jobs
from amphv2_bootstrap.steps.missing_options import refuse_missing_options
from amphv2_bootstrap.steps.octavia_file import with_options
from amphv2_bootstrap.steps.wanted_options import SECTION, wanted_options, wanted_values

LOG = logging.getLogger(__name__)

_BACKUP = "backup of octavia.conf: "


class WriteOctaviaConfiguration(Step):
    """Set our options, and nothing else, in octavia.conf (promise P9).

    A value that means the same as the wanted one stays as it is.

    It first refuses options that this Octavia lacks, foreign ones, and to leave a
    jobboard on which jobs wait: see :mod:`~amphv2_bootstrap.steps.missing_options`,
    :mod:`~amphv2_bootstrap.steps.foreign_options` and
    :mod:`~amphv2_bootstrap.steps.former_jobboard`. The order of the writes makes a
    kill safe: backup, marker of the needed restart, file. ``made`` names the backup,
    from which a revert restores the file.
    """

    atom_name = "write-octavia-configuration"
    most_attempts = MOST_RESTARTS  # undoing it restarts the services

    def __init__(self, context: Context, systemd: Systemd | None = None) -> None:
        super().__init__(context)
        self._systemd = systemd or Systemd()

    @property
    def _path(self) -> str:
        return self.context.host.config_file

    @property
    def _marker(self) -> RestartMarker:
        return RestartMarker(self.context.host.state_path, self._path)

    @property
    def aim(self) -> str:
        names = ", ".join(wanted_values(self.context))
        return f"set in [task_flow] of {self._path}, where they differ: {names}"

    def act(self) -> StepResult:
        wanted = wanted_options(self.context)
        before = durable_file.read(self._path)
        after = with_options(before, wanted, self._path)
        if after == before:
            return self._already_written()
        refuse_missing_options(self.context)
        refuse_foreign_options(self.context)
        durable_file.check_replaceable(self._path)
        left = refuse_to_leave_jobs(self.context)
        backup = self._replace(before, after)
        changed = _changed_names(before, after)
        return StepResult(
            CHANGED,
            f"set {', '.join(changed)} in {self._path}; backup: {backup}",
            warnings=(*self._exposure(), *left),
            made=(_BACKUP + backup,),
        )

    def _replace(self, before: bytes, after: bytes) -> str:
        """Write the file; after an error that left it as it was, nothing else stays."""
        marker, noted = self._marker, self._marker.note()
        backup = durable_file.make_backup(self._path)
        try:
            marker.set(backup)
            durable_file.write_atomically(
                self._path, after, backup=False, expected=before
            )
        except BootstrapError:
            if durable_file.read(self._path) != after:
                marker.put_back(noted)
                durable_file.remove(backup)
            raise
        return backup

    def _already_written(self) -> StepResult:
        backup, exposure = self._marker.backup(), self._exposure()
        if backup is None:
            return StepResult(
                UNCHANGED, f"{self._path} has all wanted options", exposure
            )
        # An earlier run wrote the file, and ended before the restart.
        return StepResult(
            CHANGED,
            f"set by an interrupted run in {self._path}; backup: {backup}",
            warnings=exposure,
            made=(_BACKUP + backup,),
        )

    def _exposure(self) -> tuple[str, ...]:
        """The mode stays (P9), but the file holds passwords (P7): warn."""
        if not durable_file.is_world_readable(self._path):
            return ()
        return (f"Everybody on this host may read {self._path} and its passwords.",)

    def undo(self, result: StepResult) -> None:
        """Restore the backup and restart, if nobody has changed the file since."""
        for made in result.made:
            if made.startswith(_BACKUP):
                self._restore(made.removeprefix(_BACKUP))

    def _restore(self, backup: str) -> None:
        if not Path(backup).exists():
            LOG.warning("%s stays: its backup %s is gone", self._path, backup)
            return
        before, now = durable_file.read(backup), durable_file.read(self._path)
        if now == before:
            return
        if now != with_options(before, wanted_options(self.context), self._path):
            LOG.warning(
                "%s stays: it was changed after this job wrote it; compare with %s",
                self._path,
                backup,
            )
            return
        durable_file.check_replaceable(self._path)
        self._marker.set()
        durable_file.write_atomically(self._path, before, backup=False, expected=now)
        LOG.info("%s is as before this job", self._path)
        for warning in restart_where_needed(self.context, self._systemd).warnings:
            LOG.warning("%s", warning)


def _changed_names(before: bytes, after: bytes) -> list[str]:
    old = conf_file.get_options(before, SECTION)
    new = conf_file.get_options(after, SECTION)
    return [name for name in new if new[name] != old.get(name)]
