# SPDX-License-Identifier: Apache-2.0
"""``[octavia]`` as specification, host settings and secrets."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from amphv2_bootstrap.adapters.mysql.database_url import parse, with_password
from amphv2_bootstrap.adapters.octavia.config_sources import main_connection
from amphv2_bootstrap.conf.host_settings import Acting
from amphv2_bootstrap.conf.hosts import check_names
from amphv2_bootstrap.conf.problems import OptionProblems, Problems
from amphv2_bootstrap.conf.reading import Values
from amphv2_bootstrap.conf.tls import fetched
from amphv2_bootstrap.conf.urls import NOWHERE, UrlCheck
from amphv2_bootstrap.conf.wanted import GROUP, Wanted, check
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings, Spec, Value
from amphv2_bootstrap.spec.octavia_options import (
    KEYFILE_PASSWORD,
    SECRET_OPTIONS,
    TASK_FLOW_OPTIONS,
    TaskFlowOption,
)
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.spec.task_flow_group import Group, Place

_DATABASE = "octavia_persistence"
"""The name that Octavia's document gives it."""

_URL = "persistence_connection"
_DERIVED = "persistence_connection, taken from Octavia's [database] connection,"
_WRITE_URL = (
    "Write mysql+pymysql://octavia:PASSWORD@HOST/octavia_persistence, percent-encoded"
)


class Target:
    """The options of ``[octavia]``: check them, then build plain values."""

    def __init__(self, values: Values, default: Values, problems: Problems) -> None:
        self._values = values
        self._problems = problems
        self.host: str = default["host"]
        self.controllers = _names(values["controllers"]) or (self.host,)
        self.is_here = self.host in self.controllers
        self._acting = Acting(values, default, problems, is_here=self.is_here)
        self.persistence_from = ""
        self._url, self._url_name = values["persistence_connection"], _URL
        if not self._url:
            self._url, self._url_name = self._beside_octavias_own(), _DERIVED
        self._host_paths = {**values["host_paths"], **self._fetched()}
        self.backend = Group(values, Place.OCTAVIA, len(self.controllers))
        self.persistence, self._persistence_password = self._read_persistence()
        self._admin, self._admin_password = self._read_admin()

    @property
    def octavia_files(self) -> tuple[Path, ...]:
        """See :attr:`.Acting.octavia_files`."""
        return self._acting.octavia_files

    def check(self) -> None:
        """Collect the problems of all options but the URLs, which __init__ checks."""
        self._check_controllers()
        wanted = Wanted(
            self.backend,
            self.controllers,
            _names(self._values["grant_hosts"]),
            self._values["install_key_value_backend"],
            self._key_value_hosts,
            files_here=self.is_here,
            host_paths=self._host_paths,
        )
        check(wanted, self._problems)
        self._acting.check()

    def spec(self) -> Spec:
        """The specification; only after a check that found nothing."""
        install = self._values["install_key_value_backend"]
        return Spec(
            persistence=self.persistence,
            task_flow=self._task_flow(),
            controllers=self.controllers,
            grant_hosts=_names(self._values["grant_hosts"]),
            secret_names=tuple(self.secrets()),
            install_key_value_backend=install,
            key_value_hosts=self._key_value_hosts if install else (),
            set_default_provider=self._values["set_default_provider"],
            controllers_at_once=self._values["controllers_at_once"] or None,
        )

    def host_settings(
        self, find_python: Callable[[Sequence[str]], str | None]
    ) -> HostSettings:
        """This host's settings; only after a check that found nothing."""
        admin = self.persistence if self.persistence.is_sqlite else self._admin
        paths = self._host_paths
        return self._acting.settings(self.host, admin, find_python, paths)

    def secrets(self) -> Secrets:
        """All secrets that this specification needs, by name."""
        values: dict[str, str | None] = {
            name: self._values[name] for name in SECRET_OPTIONS
        }
        zookeeper = self._values["jobboard_zookeeper_ssl_options"] or {}
        values[KEYFILE_PASSWORD] = zookeeper.get("keyfile_password")
        if not self.persistence.is_sqlite:
            values["persistence_password"] = self._persistence_password
            values["admin_password"] = self._admin_password
        return Secrets(values)

    def _task_flow(self) -> dict[str, Value]:
        wanted: dict[str, Value] = {}
        for option in TASK_FLOW_OPTIONS:
            value = self._values.get(option.name)
            if value is not None and not option.secret:
                wanted[option.name] = _plain(option, value)
        wanted["jobboard_enabled"] = True
        wanted["jobboard_backend_hosts"] = self.backend.hosts
        wanted["jobboard_backend_port"] = self.backend.port
        return wanted

    def _fetched(self) -> dict[str, str]:
        """Where the certificates are that only Octavia's container has."""
        try:
            url, _ = parse(self._url)
            values = [url.query]
        except ValueError:  # reported later
            values = []
        for option in TASK_FLOW_OPTIONS:
            value = self._values.get(option.name)
            values += [value] if isinstance(value, dict) else []
        python = self._acting.container_python if self.is_here else None
        return fetched(self._of("python"), python, values, self._values["host_paths"])

    @property
    def _key_value_hosts(self) -> tuple[str, ...]:
        return _names(self._values["key_value_hosts"])

    def _of(self, option: str) -> OptionProblems:
        return self._problems.of(GROUP, option)

    def _read_persistence(self) -> tuple[DatabaseUrl, str | None]:
        if not self._url:
            return NOWHERE, None
        check = UrlCheck(self._of(self._url_name), self._host_paths)
        return check.database(self._url, files_here=self.is_here)

    def _beside_octavias_own(self) -> str:
        """The default: the document's database on the server of Octavia's main one."""
        files = self._acting.octavia_files
        own, why = main_connection(files), ""
        if not own:
            why = (
                f"{files[0]} has no [database] connection that this program can read "
                "(nor can it read one that refers to another option by $)"
            )
        elif own.startswith("sqlite"):
            why = "Octavia's own database is SQLite"
        if why:
            what = f"isn't set, and has no default here: {why}"
            self._of(_URL).add(what, _WRITE_URL)
            return ""
        try:
            url, password = parse(own)
        except ValueError:
            return own  # the check says what is wrong with it
        file = next(file for file in reversed(files) if main_connection([file]))
        self.persistence_from = f"[database] connection of {file}"
        if url.is_mysql:
            # Octavia requires it, and with others taskflow, or we, can't work.
            url = replace(url, drivername="mysql+pymysql")
        return with_password(replace(url, database=_DATABASE), password)

    def _read_admin(self) -> tuple[DatabaseUrl, str | None]:
        option = "admin_connection"
        text = self._values[option]
        if self.persistence.is_sqlite and self.persistence is not NOWHERE:
            return NOWHERE, None
        if not text:
            todo = (
                "Write mysql+pymysql://root:PASSWORD@HOST/, or mysql+pymysql://root@"
                "localhost/?unix_socket=/run/mysqld/mysqld.sock"
            )
            if self.persistence is not NOWHERE:
                self._of(option).add("is not set", todo)
            return NOWHERE, None
        return UrlCheck(self._of(option)).administrator(text, files_here=self.is_here)

    def _check_controllers(self) -> None:
        check_names(self._problems.of("DEFAULT", "host"), (self.host,))
        problems = self._of("controllers")
        check_names(problems, _names(self._values["controllers"]))
        if not self.is_here:
            problems.warn(
                f"doesn't name this host, {self.host}, which therefore can post jobs "
                "but configures no Octavia",
                "If it is a controller, set [DEFAULT] host to its name in controllers",
            )


def _plain(option: TaskFlowOption, value: object) -> Value:
    if isinstance(value, dict):
        return {
            str(key): str(text)
            for key, text in value.items()
            if key not in option.secret_keys
        }
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    assert isinstance(value, str | int | bool)  # noqa: S101
    return value


def _names(names: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in names or ())
