# SPDX-License-Identifier: Apache-2.0
"""``[octavia]`` as specification, host settings and secrets."""

from collections.abc import Callable, Sequence

from amphv2_bootstrap.conf.backend import Backend
from amphv2_bootstrap.conf.host_settings import Acting
from amphv2_bootstrap.conf.hosts import check_names
from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.conf.reading import Values
from amphv2_bootstrap.conf.urls import NOWHERE, UrlCheck
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings, Spec, Value
from amphv2_bootstrap.spec.octavia_options import (
    ETCD,
    REDIS,
    TASK_FLOW_OPTIONS,
    TaskFlowOption,
)
from amphv2_bootstrap.spec.secret import Secrets

GROUP = "octavia"
KEYFILE_PASSWORD = "jobboard_zookeeper_keyfile_password"  # noqa: S105 - its name

_SHORT_EXPIRATION = 100
_REFUSED_IN_GRANT_HOST = frozenset("'\"`\\@;")


class Target:
    """The options of ``[octavia]`` under check, then as plain values."""

    def __init__(self, values: Values, default: Values, problems: Problems) -> None:
        self._values = values
        self._problems = problems
        self.host: str = default["host"]
        self.controllers = _names(values["controllers"]) or (self.host,)
        self.is_here = self.host in self.controllers
        self.namespace: str = values["jobboard_backend_namespace"]
        self.backend = Backend(
            GROUP,
            str(values["jobboard_backend_driver"]).split("_")[0],
            values,
            files_here=self.is_here,
        )
        self.persistence, self._persistence_password = self._read_persistence()
        self._admin, self._admin_password = self._read_admin()
        self._acting = Acting(values, default, problems, is_here=self.is_here)

    def check(self) -> None:
        """Collect what is wrong with everything but the URLs, which are read."""
        self.backend.check(self._problems)
        self._check_controllers()
        self._check_grant_hosts()
        self._check_installation()
        self._check_expiration()
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
        )

    def host_settings(
        self, find_python: Callable[[Sequence[str]], str | None]
    ) -> HostSettings:
        """This host's settings; only after a check that found nothing."""
        admin = self.persistence if self.persistence.is_sqlite else self._admin
        return self._acting.settings(self.host, admin, find_python)

    def secrets(self) -> Secrets:
        """All secrets that this specification needs, by name."""
        values: dict[str, str | None] = {
            option.name: self._values[option.name]
            for option in TASK_FLOW_OPTIONS
            if option.secret and option.name != "persistence_connection"
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

    @property
    def _key_value_hosts(self) -> tuple[str, ...]:
        return _names(self._values["key_value_hosts"])

    def _read_persistence(self) -> tuple[DatabaseUrl, str | None]:
        option = "persistence_connection"
        text = self._values[option]
        if not text:
            todo = (
                "Write mysql+pymysql://octavia:PASSWORD@HOST/octavia_persistence, "
                "percent-encoded"
            )
            self._problems.add(GROUP, option, "is not set", todo)
            return NOWHERE, None
        check = UrlCheck(GROUP, option, self._problems)
        return check.database(text, files_here=self.is_here)

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
                self._problems.add(GROUP, option, "is not set", todo)
            return NOWHERE, None
        check = UrlCheck(GROUP, option, self._problems)
        return check.administrator(text, files_here=self.is_here)

    def _check_controllers(self) -> None:
        check_names("DEFAULT", "host", (self.host,), self._problems)
        named = _names(self._values["controllers"])
        check_names(GROUP, "controllers", named, self._problems)
        if not self.is_here:
            self._problems.warn(
                GROUP,
                "controllers",
                f"doesn't name this host, {self.host}, which so can post jobs but "
                "configures no Octavia",
                "If it is one, write [DEFAULT] host as it stands in controllers",
            )

    def _check_grant_hosts(self) -> None:
        hosts = _names(self._values["grant_hosts"])
        option = "grant_hosts"
        if not hosts:
            self._problems.add(GROUP, option, "is empty", "Write localhost,%")
        if len(set(hosts)) < len(hosts):
            self._problems.add(GROUP, option, "names a host twice", "Name each once")
        for host in hosts:
            if not host or " " in host or _REFUSED_IN_GRANT_HOST & set(host):
                self._problems.add(
                    GROUP,
                    option,
                    "has an entry that is empty or has a space, quote, @, ; or \\",
                    "Write hosts with commas between them, such as localhost,%",
                )

    def _check_installation(self) -> None:
        hosts = self._key_value_hosts
        install = self._values["install_key_value_backend"]
        option = "key_value_hosts"
        check_names(GROUP, option, hosts, self._problems)
        for host in hosts:
            if host and host not in self.controllers:
                self._problems.add(
                    GROUP,
                    option,
                    f"names {host}, which isn't among controllers",
                    f"Choose from {', '.join(self.controllers)}",
                )
        if hosts and not install:
            self._problems.warn(
                GROUP,
                option,
                "has no effect without install_key_value_backend",
                "Remove it, or set install_key_value_backend to true",
            )
        if install:
            self._check_what_to_install(hosts)

    def _check_what_to_install(self, hosts: tuple[str, ...]) -> None:
        option = "install_key_value_backend"
        if self.backend.driver == ETCD:
            self._problems.add(
                GROUP,
                option,
                "is true, but etcd can't be installed from here",
                "Install etcd yourself and set it to false, or choose another driver",
            )
            return
        if self._values["jobboard_redis_sentinel"]:
            self._problems.add(
                GROUP,
                option,
                "is true, but Redis with Sentinel can't be installed from here",
                "Install it yourself and set it to false, or remove "
                "jobboard_redis_sentinel",
            )
        if len(hosts) != len(self.backend.hosts):
            self._problems.add(
                GROUP,
                "key_value_hosts",
                f"names {len(hosts)} hosts, and jobboard_backend_hosts "
                f"{len(self.backend.hosts)}",
                "Name each host in both, in the same order",
            )
        needs_password = self.backend.driver == REDIS
        if needs_password and not self._values["jobboard_backend_password"]:
            self._problems.add(
                GROUP,
                "jobboard_backend_password",
                "is not set, and Redis shall be installed",
                "Set one: without it everybody who reaches Redis could run Octavia's "
                "jobs",
            )

    def _check_expiration(self) -> None:
        option = "jobboard_expiration_time"
        seconds = self._values[option]
        if self.backend.driver not in (REDIS, ETCD):
            if seconds is not None:
                self._problems.warn(
                    GROUP,
                    option,
                    "has no effect with ZooKeeper, whose claims end with its session",
                    "Remove it",
                )
        elif seconds is not None and seconds < _SHORT_EXPIRATION:
            self._problems.warn(
                GROUP,
                option,
                f"is {seconds} s, and Octavia may lose the claim of a longer step",
                f"Write {_SHORT_EXPIRATION}, as Octavia's own tests do",
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
