# SPDX-License-Identifier: Apache-2.0
"""octavia.conf of this host, with the wanted options in place of what it has."""

import logging
from collections.abc import Mapping
from pathlib import Path

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.octavia import conf_file, meaning
from amphv2_bootstrap.adapters.octavia.introspection import API_GROUP
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.provider import provider_options
from amphv2_bootstrap.steps.wanted_options import SECTION, wanted_options

LOG = logging.getLogger(__name__)


def with_wanted(context: Context, text: bytes) -> bytes:
    """octavia.conf's text with all that is wanted; what means the same stays as it is.

    :raises PermanentError: it can't be parsed; the error holds no text of it.
    """
    path = context.host.config_file
    text = _with_options(text, SECTION, wanted_options(context), path)
    return _with_options(text, API_GROUP, provider_options(context, text), path)


def _with_options(
    text: bytes, section: str, options: Mapping[str, str], path: str
) -> bytes:
    try:
        return conf_file.set_options(text, section, options, meaning.same_text)
    except ValueError as exc:
        raise PermanentError(
            "set options of Octavia",
            on=path,
            why=str(exc),
            todo="Correct the file; Octavia's services can't load it either.",
        ) from exc


class OctaviaFile:
    """One octavia.conf, as it is and as it must be.

    :param context: its only octavia.conf is this one.
    :raises PermanentError: it can't be read or parsed.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.path = context.host.config_file
        self.marker = RestartMarker(context.host.state_path, self.path)
        self.before = durable_file.read(self.path)
        self.after = with_wanted(context, self.before)
        self._noted = self.marker.note()
        self._written = False

    @property
    def lacks_options(self) -> bool:
        return self.after != self.before

    @property
    def difference(self) -> str:
        """What :meth:`write` changes, as a unified diff with secrets masked."""
        known = self.context.secrets.masker
        return conf_file.difference(self.before, self.after, self.path, known)

    @property
    def changed_names(self) -> list[str]:
        """The options that :meth:`write` sets or changes."""
        changed = []
        for section in (SECTION, API_GROUP):
            old = conf_file.get_options(self.before, section)
            new = conf_file.get_options(self.after, section)
            changed += [name for name in new if new[name] != old.get(name)]
        return changed

    def write(self, backup: str) -> None:
        """Ask for a restart, then replace the file; in this order a kill is safe.

        :param backup: the copy of it that was just made.
        """
        self.marker.set(backup)
        durable_file.write_atomically(
            self.path, self.after, backup=False, expected=self.before
        )
        self._written = True

    def take_back(self, backup: str) -> None:
        """Undo :meth:`write`, also where it failed; call it before any restart.

        What somebody changed after it stays, and so do marker and backup then.
        """
        now = durable_file.read(self.path)
        if now == self.after:
            durable_file.write_atomically(
                self.path, self.before, backup=False, expected=now
            )
        elif self._written:
            return
        self.marker.put_back(self._noted)
        durable_file.remove(backup)

    def restore(self, backup: str) -> bool:
        """Put the backup back, and ask for a restart; whether the file is as before.

        It isn't if the backup is gone, or if somebody has changed the file since.
        """
        if not Path(backup).exists():
            LOG.warning("%s stays: its backup %s is gone", self.path, backup)
            return False
        former, now = durable_file.read(backup), self.before
        if now == former:
            return True
        if now != with_wanted(self.context, former):
            LOG.warning(
                "%s stays: it was changed after this job wrote it; compare with %s",
                self.path,
                backup,
            )
            return False
        durable_file.check_replaceable(self.path)
        self.marker.set()
        durable_file.write_atomically(self.path, former, backup=False, expected=now)
        LOG.info("%s is as before this job", self.path)
        return True


def refuse_unwritable(context: Context) -> None:
    """Refuse files that lack wanted options and can't be replaced; change nothing.

    :raises PermanentError: there is such a file, or one can't be read or parsed.
    """
    for one in map(OctaviaFile, context.of_each_file()):
        if one.lacks_options:
            durable_file.check_replaceable(one.path)
