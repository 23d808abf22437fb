# SPDX-License-Identifier: Apache-2.0
"""What is wanted of the cloud: checked alike when it is configured and when it is read.

A specification in the engine's database was checked when it was posted. A conductor
checks it again, since another version, with other rules, may have posted it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from amphv2_bootstrap.conf.hosts import check_hosts, check_names, check_unique
from amphv2_bootstrap.conf.problems import OptionProblems, Problems
from amphv2_bootstrap.conf.tls import check_tls
from amphv2_bootstrap.conf.urls import UrlCheck
from amphv2_bootstrap.spec.model import ON_FAILURE, Spec
from amphv2_bootstrap.spec.octavia_options import (
    ALWAYS_WRITTEN,
    BY_NAME,
    DEFAULT_PORTS,
    ETCD,
    KEYFILE_PASSWORD,
    REDIS,
    SECRET_OPTIONS,
    TaskFlowOption,
)
from amphv2_bootstrap.spec.task_flow_group import Group, Place
from amphv2_bootstrap.spec.task_flow_rules import traps

GROUP = "octavia"

_PASSWORD = "persistence_password"  # noqa: S105 - its name
_SECRETS = {_PASSWORD, "admin_password", KEYFILE_PASSWORD, *SECRET_OPTIONS}
_ZOOKEEPER_TLS = "jobboard_zookeeper_ssl_options"
_REFUSED_IN_GRANT_HOST = frozenset("'\"`\\@;")
_TYPES: Mapping[str, type] = {
    "str": str,
    "int": int,
    "port": int,
    "bool": bool,
    "list": tuple,
    "dict": dict,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options that make a specification.

    ``controllers`` are the hosts from which those of the key-value backend are chosen;
    None where that is not known: a job may be for some of them. ``files_here`` says
    whether the TLS files must be on this host, and ``host_paths`` where they are on it.
    """

    backend: Group
    controllers: tuple[str, ...] | None
    grant_hosts: tuple[str, ...]
    install: bool
    key_value_hosts: tuple[str, ...]
    files_here: bool = True
    host_paths: Mapping[str, str] = field(default_factory=dict)


def problems_of(spec: Spec) -> list[str]:
    """Everything that is wrong with a specification; each a full sentence.

    It contacts nothing, and looks at no file: the hosts' files are their own.
    """
    problems = Problems()
    for name in (*_odd_options(spec), *sorted(set(spec.secret_names) - _SECRETS)):
        problems.say(f"[{GROUP}] {name} is no option, or has a value of no use.")
    if spec.on_failure not in ON_FAILURE:
        problems.say(f"on_failure is none of {', '.join(ON_FAILURE)}.")
    if spec.controllers_at_once is not None and spec.controllers_at_once < 1:
        problems.say(f"[{GROUP}] controllers_at_once isn't a number above 0.")
    if problems.found:
        return problems.found  # the rules expect the right types
    has_password = _PASSWORD in spec.secret_names
    url = UrlCheck(problems.of(GROUP, "persistence_connection"))
    url.check(spec.persistence, has_password=has_password, files_here=False)
    check_names(problems.of(GROUP, "controllers"), spec.controllers)
    wanted = Wanted(
        Group(_with_secrets(spec), Place.OCTAVIA, len(spec.controllers)),
        None,
        spec.grant_hosts,
        spec.install_key_value_backend,
        spec.key_value_hosts,
        files_here=False,
    )
    check(wanted, problems)
    return problems.found


def check_backend(
    name: str,
    group: Group,
    problems: Problems,
    *,
    files_here: bool = True,
    host_paths: Mapping[str, str] | None = None,
) -> None:
    """Collect everything that is wrong with the jobboard options of a group.

    :param name: the group's name in amphv2-bootstrap.conf.
    :param files_here: whether the TLS files must be on this host.
    :param host_paths: where they are on it; see :class:`HostSettings`.
    """
    if group.driver in DEFAULT_PORTS:
        hosts = problems.of(name, "jobboard_backend_hosts")
        check_hosts(hosts, group.hosts)
    for option, value in group.tls():
        place = problems.of(name, option.name)
        check_tls(place, option, value, here=files_here, host_paths=host_paths or {})
    for trap in traps(group):
        place = problems.of(name, trap.option)
        note = place.warn if trap.severity == "warning" else place.add
        note(trap.what, trap.todo)


def check(wanted: Wanted, problems: Problems) -> None:
    """Collect the problems of all but the URLs and the names of the controllers."""
    check_backend(
        GROUP,
        wanted.backend,
        problems,
        files_here=wanted.files_here,
        host_paths=wanted.host_paths,
    )
    _check_grant_hosts(wanted.grant_hosts, problems.of(GROUP, "grant_hosts"))
    _check_key_value_hosts(wanted, problems.of(GROUP, "key_value_hosts"))
    if wanted.install:
        _check_what_to_install(wanted, problems)


def _odd_options(spec: Spec) -> Iterator[str]:
    """Options of no name, type or value that configuration would have let through."""
    yield from (name for name in ALWAYS_WRITTEN if name not in spec.task_flow)
    for name, value in spec.task_flow.items():
        option = BY_NAME.get(name)
        if option is None or option.secret or not _is_of(option, value):
            yield name


def _is_of(option: TaskFlowOption, value: Any) -> bool:
    if not isinstance(value, _TYPES[option.kind]):
        return False
    if isinstance(value, dict):
        return not set(option.secret_keys) & set(value)
    if option.kind in ("int", "port"):
        low, high = option.minimum, option.maximum
        return (
            type(value) is int
            and (low is None or value >= low)
            and (high is None or value <= high)
        )
    return not option.choices or value in option.choices


def _with_secrets(spec: Spec) -> dict[str, Any]:
    """The options with something in the place of each secret, as the rules need it."""
    values = {name: spec.task_flow.get(name) for name in BY_NAME}
    values |= dict.fromkeys((n for n in SECRET_OPTIONS if n in spec.secret_names), "*")
    if KEYFILE_PASSWORD in spec.secret_names:
        tls: Any = values[_ZOOKEEPER_TLS] or {}
        values[_ZOOKEEPER_TLS] = {**tls, "keyfile_password": "*"}
    return values


def _check_grant_hosts(hosts: tuple[str, ...], problems: OptionProblems) -> None:
    if not hosts:
        problems.add("is empty", "Write localhost,%")
    check_unique(problems, hosts)
    for host in hosts:
        if not host or " " in host or _REFUSED_IN_GRANT_HOST & set(host):
            problems.add(
                "has an entry that is empty or has a space, quote, @, ; or \\",
                "Write hosts with commas between them, such as localhost,%",
            )


def _check_key_value_hosts(wanted: Wanted, problems: OptionProblems) -> None:
    check_names(problems, wanted.key_value_hosts)
    for host in wanted.key_value_hosts:
        if wanted.controllers is not None and host and host not in wanted.controllers:
            todo = f"Choose from {', '.join(wanted.controllers)}"
            problems.add(f"names {host}, which isn't among controllers", todo)
    if wanted.key_value_hosts and not wanted.install:
        problems.warn(
            "has no effect without install_key_value_backend",
            "Remove it, or set install_key_value_backend to true",
        )


def _check_what_to_install(wanted: Wanted, problems: Problems) -> None:
    backend, hosts = wanted.backend, len(wanted.key_value_hosts)
    option = problems.of(GROUP, "install_key_value_backend")
    if backend.driver == ETCD:
        option.add(
            "is true, but this program can't install etcd",
            "Install etcd yourself and set it to false, or choose another driver",
        )
        return
    if backend.has("jobboard_redis_sentinel"):
        option.add(
            "is true, but this program can't install Redis with Sentinel",
            "Install it yourself and set it to false, or remove "
            "jobboard_redis_sentinel",
        )
    servers = len(backend.hosts)
    if hosts != servers:
        problems.of(GROUP, "key_value_hosts").add(
            f"names {hosts} hosts, but jobboard_backend_hosts names {servers}",
            "Name each host in both, in the same order",
        )
    password = "jobboard_backend_password"  # noqa: S105 - its name
    if backend.driver == REDIS and not backend.has(password):
        problems.of(GROUP, password).add(
            "is not set, but install_key_value_backend is true",
            "Set one: without it everybody who reaches Redis could run Octavia's jobs",
        )
