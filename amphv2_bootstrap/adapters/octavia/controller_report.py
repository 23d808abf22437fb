# SPDX-License-Identifier: Apache-2.0
"""Describes one controller's Octavia, so that controllers can be compared.

The report is kept in the engine's database. It holds no secret, only digests under a
key that is derived from the secrets that all controllers share.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.host.stale_services import stale_services
from amphv2_bootstrap.adapters.mysql import database_url
from amphv2_bootstrap.adapters.octavia import config_sources, introspection
from amphv2_bootstrap.adapters.octavia.config_sources import sources
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.adapters.octavia.meaning import meaning
from amphv2_bootstrap.adapters.octavia.service_user import service_user
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.masking import MASK
from amphv2_bootstrap.spec.model import HostSettings
from amphv2_bootstrap.spec.octavia_options import BY_NAME
from amphv2_bootstrap.spec.task_flow_group import driver_of

_CONNECTION = "persistence_connection"


class ControllerReport:
    """Makes the report of one controller.

    :param digest: of an option's name and its secret text, the same in the whole
        cloud; its errors pass through.
    :param persistence_default: the wanted persistence_connection, without its password,
        if it was taken from this host's octavia.conf.
    """

    def __init__(
        self,
        host: HostSettings,
        digest: Callable[[str, str], str],
        systemd: Systemd | None = None,
        persistence_default: str = "",
    ) -> None:
        self._host = host
        self._digest = digest
        self._systemd = systemd or Systemd()
        self._default = persistence_default

    def stamp(self) -> object:
        """Changes with the restart markers and the files that Octavia loads."""
        markers = [
            RestartMarker(self._host.state_path, file).is_set()
            for file in self._host.config_files
        ]
        return (markers, tuple(map(_stamp, config_sources.files(self._host))))

    def make(self) -> dict[str, Any]:
        """The report. Starts Octavia's Python to import the client library.

        ``task_flow`` has for each option of the group either ``value``; or ``digest``
        if it may hold a secret, with ``shown``, its public part; or ``invalid``, the
        reason why Octavia refuses it. ``client_library`` is the reason why the library
        can't be imported, empty if it can. If Octavia has no Python here, ``versions``
        is empty and ``client_library`` None. ``irreplaceable`` is the reason why the
        file can't be replaced, if there is one. With several octavia.conf,
        ``further_files`` has the three entries for each one after the first.
        ``restart`` has a clause for each reason to restart services.
        ``persistence_default`` is there if it isn't empty.

        :raises PermanentError: the file can't be loaded, or Octavia's Python not run.
        """
        host, python = self._host, interpreter_of(self._host)
        loaded = [
            introspection.load_task_flow(python, sources(one, python))
            for one in host.of_each_file()
        ]
        first, *others = map(self._file, host.config_files, loaded)
        driver = driver_of(loaded[0].values)
        library = None
        if python and driver:
            library = introspection.can_import_driver(
                python, driver, service_user(host, self._systemd)
            )[1]
        return {
            **first,
            **({"further_files": others} if others else {}),
            **({"persistence_default": self._default} if self._default else {}),
            "versions": introspection.versions(python) if python else {},
            "client_library": library,
            "restart": list(stale_services(host, self._systemd)),
            "utc_offset": time.localtime().tm_gmtoff,
        }

    def _file(self, path: str, loaded: introspection.TaskFlow) -> dict[str, Any]:
        return {
            "config_file": path,
            "irreplaceable": _irreplaceable(path),
            "task_flow": self._options(loaded),
        }

    def _options(self, loaded: introspection.TaskFlow) -> dict[str, Any]:
        found: dict[str, Any] = {
            name: {"invalid": why} for name, why in loaded.invalid.items()
        }
        for name, loaded_value in loaded.values.items():
            value = meaning(name, loaded_value)
            if isinstance(value, Mapping):
                for key, entry in value.items():
                    found[f"{name}.{key}"] = self._entry(name, key, entry)
            else:
                found[name] = self._entry(name, None, value)
        return found

    def _entry(self, name: str, key: str | None, value: Any) -> dict[str, Any]:
        if value is None or isinstance(value, bool) or not _may_be_secret(name, key):
            return {"value": str(value) if key else value}
        entry = {"digest": self._digest(f"{name}.{key}" if key else name, str(value))}
        if name == _CONNECTION:
            entry["shown"] = _without_password(str(value))
        return entry


def _irreplaceable(config_file: str) -> str | None:
    try:
        durable_file.check_replaceable(config_file)
    except PermanentError as exc:
        return exc.why
    return None


def _stamp(file: Path) -> tuple[str, int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return (str(file), found.st_ino, found.st_mtime_ns, found.st_size)


def _may_be_secret(name: str, key: str | None) -> bool:
    """True also for unknown names: an option of a newer Octavia, or a misspelt key."""
    option = BY_NAME.get(name)
    if option is None or option.secret:
        return True
    return key is not None and (key in option.secret_keys or key not in option.keys)


def _without_password(text: str) -> str:
    try:
        url, _ = database_url.parse(text)
    except ValueError:
        return "a URL that can't be parsed"
    place = database_url.with_password(dataclasses.replace(url, query={}), None)
    # Arguments may hold passwords and paths too.
    arguments = "&".join(f"{name}={MASK}" for name in sorted(url.query))
    return f"{place}?{arguments}" if arguments else place
