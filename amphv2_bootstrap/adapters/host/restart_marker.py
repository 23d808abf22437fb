# SPDX-License-Identifier: Apache-2.0
"""A file on this host that says that Octavia's services still need a restart.

A step writes it before the change and removes it after the restart, so a crash in
between doesn't lose the restart.
"""

import hashlib
import json
import os
from pathlib import Path

from amphv2_bootstrap.adapters.host import durable_file


class RestartMarker:
    """The marker of one configuration file; every method is safe to run twice.

    :raises BootstrapError: from every method, when ``state_path`` can't be used.
    """

    def __init__(self, state_path: str, config_file: str) -> None:
        self._config_file = os.path.realpath(config_file)
        digest = hashlib.sha256(os.fsencode(self._config_file)).hexdigest()[:16]
        self.path = str(Path(state_path) / f"restart-needed-{digest}.json")

    def set(self, backup: str | None = None) -> None:
        """Note that a restart is needed; ``backup`` is a copy of the old file."""
        if backup is None and self.is_set() and not self.is_restarted():
            return
        self._write(backup or self.backup(), restarted=False)

    def set_restarted(self) -> None:
        """Note that the services were restarted, and only what follows is to do."""
        self._write(self.backup(), restarted=True)

    def _write(self, backup: str | None, *, restarted: bool) -> None:
        note = {"config_file": self._config_file, "backup": backup}
        if restarted:
            note["restarted"] = "yes"
        self.put_back(json.dumps(note).encode())

    def note(self) -> bytes | None:
        """What the marker holds now; None if it isn't set."""
        return durable_file.read(self.path) if self.is_set() else None

    def put_back(self, note: bytes | None) -> None:
        """Set or clear the marker as it was at :meth:`note`."""
        if note is None:
            durable_file.remove(self.path)
        else:
            durable_file.write_private(self.path, note)

    def is_set(self) -> bool:
        return Path(self.path).exists()

    def is_restarted(self) -> bool:
        """Whether the services were restarted since :meth:`set`."""
        return self._value("restarted") is not None

    def backup(self) -> str | None:
        """Path of the configuration file's backup, if the marker names one."""
        return self._value("backup")

    def _value(self, name: str) -> str | None:
        text = self.note()
        if text is None:
            return None
        try:
            note = json.loads(text)
        except ValueError:
            return None  # a damaged marker still asks for a restart
        value = note.get(name) if isinstance(note, dict) else None
        return value if isinstance(value, str) else None

    def clear(self) -> None:
        self.put_back(None)
