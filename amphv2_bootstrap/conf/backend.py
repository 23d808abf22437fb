# SPDX-License-Identifier: Apache-2.0
"""The options of a key-value backend, which ``[octavia]`` and ``[task_flow]`` share."""

import re
from dataclasses import dataclass

from amphv2_bootstrap.conf.hosts import check_hosts
from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.conf.reading import Values
from amphv2_bootstrap.conf.tls import check_tls
from amphv2_bootstrap.spec.octavia_options import (
    DEFAULT_PORTS,
    ETCD,
    REDIS,
    SENTINEL_PORT,
    TASK_FLOW_OPTIONS,
    ZOOKEEPER,
)

SQL = "sql"

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_OF_SENTINEL = (
    "jobboard_redis_sentinel_username",
    "jobboard_redis_sentinel_password",
    "jobboard_redis_sentinel_ssl_options",
)
_SERVED = (REDIS, ZOOKEEPER, ETCD)
_OF_SERVER = ("jobboard_backend_hosts", "jobboard_backend_port")


@dataclass(frozen=True)
class Backend:
    """The jobboard options of one group, under check.

    ``driver`` is ``redis``, ``zookeeper``, ``etcd`` or ``sql``. ``files_here``:
    whether the TLS files have to be on this host.
    """

    group: str
    driver: str
    values: Values
    files_here: bool = True

    @property
    def hosts(self) -> tuple[str, ...]:
        hosts = self.values["jobboard_backend_hosts"] or ()
        return tuple(host.strip() for host in hosts)

    @property
    def port(self) -> int:
        """The port as set, or the one that this driver's server has by default."""
        port = self.values["jobboard_backend_port"]
        if port is not None:
            return int(port)
        if self.driver == REDIS and self.values["jobboard_redis_sentinel"]:
            return SENTINEL_PORT
        return DEFAULT_PORTS.get(self.driver, 0)

    def check(self, problems: Problems) -> None:
        """Collect everything that is wrong with these options."""
        self._check_namespace(problems)
        self._check_readers(problems)
        if self.driver != SQL:
            check_hosts(self.group, self.driver, self.hosts, problems)
        if self.driver == REDIS:
            self._check_redis(problems)
        if self.driver == ETCD:
            self._check_etcd(problems)
        self._check_tls(problems)

    def _check_namespace(self, problems: Problems) -> None:
        if not _NAMESPACE.fullmatch(self.values["jobboard_backend_namespace"]):
            problems.add(
                self.group,
                "jobboard_backend_namespace",
                "is empty, or has other characters than letters, digits, _, - and .",
                "Write one word, such as octavia_jobboard",
            )

    def _check_readers(self, problems: Problems) -> None:
        """An option that the driver doesn't read hides a mistake."""
        for option in TASK_FLOW_OPTIONS:
            readers = _SERVED if option.name in _OF_SERVER else option.drivers
            exempt = not readers or option.name == "jobboard_expiration_time"
            if exempt or self.driver in readers or not self._is_set(option.name):
                continue
            problems.add(
                self.group,
                option.name,
                f"is set, but the driver is {self.driver}, which doesn't read it",
                f"Remove it, or choose another driver ({', '.join(readers)})",
            )

    def _is_set(self, name: str) -> bool:
        """Whether the operator gave a value; for 0 and [] that makes no difference."""
        return bool(self.values.get(name))

    def _check_redis(self, problems: Problems) -> None:
        sentinel = self.values["jobboard_redis_sentinel"]
        if len(self.hosts) > 1 and not sentinel:
            problems.add(
                self.group,
                "jobboard_backend_hosts",
                "names several Redis hosts without Sentinel: only the first is used",
                "Name one host, or set jobboard_redis_sentinel",
            )
        for name in () if sentinel else _OF_SENTINEL:
            if self._is_set(name):
                problems.add(
                    self.group,
                    name,
                    "is set, but jobboard_redis_sentinel is not",
                    "Set jobboard_redis_sentinel to the name of the master set, or "
                    "remove the option",
                )
        for side in ("backend", "redis_sentinel"):
            name = f"jobboard_{side}_username"
            if self._is_set(name) and not self._is_set(f"jobboard_{side}_password"):
                problems.add(
                    self.group,
                    name,
                    "is set without a password",
                    f"Set jobboard_{side}_password, or remove the user name",
                )

    def _check_etcd(self, problems: Problems) -> None:
        path = self.values["jobboard_etcd_api_path"]
        if path is not None and not re.fullmatch(r"/([A-Za-z0-9._-]+/)+", path):
            problems.add(
                self.group,
                "jobboard_etcd_api_path",
                f"is '{path}', which doesn't begin and end with a slash",
                "Write it as /v3/",
            )
        if len(self.hosts) > 1:
            problems.warn(
                self.group,
                "jobboard_backend_hosts",
                "names several etcd hosts, of which the driver uses the first only",
                "Name one, such as a virtual address that moves with the cluster",
            )

    def _check_tls(self, problems: Problems) -> None:
        for option in TASK_FLOW_OPTIONS:
            value = self.values.get(option.name)
            if option.kind == "dict" and value is not None:
                check_tls(
                    self.group, option, value, problems, files_here=self.files_here
                )
