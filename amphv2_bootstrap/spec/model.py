# SPDX-License-Identifier: Apache-2.0
"""The specification of a bootstrap: the same on every controller, no secret."""

import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeVar

from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.task_flow_group import driver_of

_T = TypeVar("_T")
ON_FAILURE = ("park", "revert")
_NEWER: Mapping[str, type] = {"set_default_provider": bool, "controllers_at_once": int}
"""Fields that the JSON form has only where they say something, with their types."""
Value = str | int | bool | tuple[str, ...] | Mapping[str, str]
"""A value of an option of Octavia's ``[task_flow]``, as oslo.config types it."""


@dataclass(frozen=True, slots=True)
class Spec:
    """The wanted state of the cloud.

    ``task_flow`` holds the wanted options of Octavia's ``[task_flow]`` by Octavia's
    names, without the secret ones and ``persistence_connection``; other options are
    never written. It always holds those of ``octavia_options.ALWAYS_WRITTEN``.
    ``secret_names`` names the secrets that a controller must have to carry the job
    out (see :class:`Secrets`). ``set_default_provider`` says that Octavia's default
    provider driver must be one that uses the jobboard. ``controllers_at_once`` says of
    how many controllers the flow may be under way at once; None: of all.
    """

    persistence: DatabaseUrl
    task_flow: Mapping[str, Value]
    controllers: tuple[str, ...]
    grant_hosts: tuple[str, ...] = ("localhost", "%")
    secret_names: tuple[str, ...] = ()
    install_key_value_backend: bool = False
    key_value_hosts: tuple[str, ...] = ()
    on_failure: str = "park"
    set_default_provider: bool = False
    controllers_at_once: int | None = None

    @property
    def driver(self) -> str:
        """``redis``, ``zookeeper`` or ``etcd``."""
        return driver_of(self.task_flow)

    @property
    def account_hosts(self) -> tuple[str, ...]:
        """``grant_hosts`` as database servers store and compare them: in lower case."""
        return tuple(dict.fromkeys(host.lower() for host in self.grant_hosts))

    @property
    def key_value_servers(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each configured key-value server."""
        hosts = self.task_flow["jobboard_backend_hosts"]
        port = self.task_flow["jobboard_backend_port"]
        assert isinstance(hosts, tuple)  # noqa: S101
        assert isinstance(port, int)  # noqa: S101
        return tuple((host, port) for host in hosts)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; :meth:`from_dict` reads it back."""
        # An older conductor reads it where it knows all that is wanted.
        newer = {name: getattr(self, name) for name in _NEWER if getattr(self, name)}
        return {
            **newer,
            "persistence": asdict(self.persistence),
            "task_flow": {
                name: plain(value) for name, value in sorted(self.task_flow.items())
            },
            "controllers": list(self.controllers),
            "grant_hosts": list(self.grant_hosts),
            "secret_names": list(self.secret_names),
            "install_key_value_backend": self.install_key_value_backend,
            "key_value_hosts": list(self.key_value_hosts),
            "on_failure": self.on_failure,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Spec":
        """Read :meth:`to_dict`'s form.

        :raises ValueError: it has another form, an unknown field, or a text with a line
            break or another control character.
        """
        names = {each.name for each in fields(cls)}
        if not names - set(_NEWER) <= set(data) <= names:
            raise ValueError(f"other fields than {', '.join(sorted(names))}")
        return cls(
            persistence=DatabaseUrl(**_persistence(data["persistence"])),
            task_flow={
                _text(name): _value(value)
                for name, value in _of(dict, data["task_flow"]).items()
            },
            controllers=_texts(data["controllers"]),
            grant_hosts=_texts(data["grant_hosts"]),
            secret_names=_texts(data["secret_names"]),
            install_key_value_backend=_of(bool, data["install_key_value_backend"]),
            key_value_hosts=_texts(data["key_value_hosts"]),
            on_failure=_text(data["on_failure"]),
            **{name: _of(_NEWER[name], data[name]) for name in _NEWER if name in data},
        )


def has_control_character(text: str) -> bool:
    """Whether it would begin a new line, or another record, of some file."""
    return any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in text)


def _of(kind: type[_T], value: Any) -> _T:
    if type(value) is not kind:
        raise ValueError(f"a value of another type than {kind.__name__}")
    return value


def _text(value: Any) -> str:
    if has_control_character(_of(str, value)):
        raise ValueError("a text with a line break or a control character")
    return str(value)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(_text, _of(list, value)))


def _pairs(value: Any) -> dict[str, str]:
    return {_text(name): _text(text) for name, text in _of(dict, value).items()}


def _value(value: Any) -> Value:
    if isinstance(value, list):
        return _texts(value)
    if isinstance(value, dict):
        return _pairs(value)
    return value if type(value) in (bool, int) else _text(value)


def _persistence(value: Any) -> dict[str, Any]:
    if set(_of(dict, value)) != {each.name for each in fields(DatabaseUrl)}:
        raise ValueError("other parts of a database URL")
    texts = ("username", "host", "database")
    return {
        **{name: None if value[name] is None else _text(value[name]) for name in texts},
        "drivername": _text(value["drivername"]),
        "port": None if value["port"] is None else _of(int, value["port"]),
        "query": _pairs(value["query"]),
    }


def plain(value: Any) -> Any:
    """The value of an option in a JSON-ready form."""
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


@dataclass(frozen=True, slots=True)
class HostSettings:
    """One controller's own settings: paths, commands and the administrator.

    ``config_files`` has each octavia.conf of this host, at least one: with several,
    each service has its own (kolla-ansible).
    ``admin`` is the administrator's URL of the target database server.
    ``db_manage_command`` and the restart commands are argument lists; so are
    ``ready_command``, which says whether Octavia's services run, and the commands
    before and after a restart.
    ``octavia_python`` is the interpreter that runs Octavia here, or the command that
    starts it in a container; None where neither is known. ``service_arguments`` are
    pairs of ``--config-file`` or ``--config-dir`` and a path, with which Octavia's
    services are started; empty for the default. ``db_manage_timeout`` is in seconds.
    ``host_paths`` says where files and folders of Octavia's container are on this
    host. A restart waits ``idle_timeout`` seconds for load balancers in work; then
    ``when_busy`` is ``park`` or ``restart``. After ``stuck_minutes`` they are stuck.
    """

    name: str
    state_path: str
    config_files: tuple[str, ...]
    admin: DatabaseUrl
    db_manage_command: tuple[str, ...]
    db_manage_timeout: float = 300.0
    octavia_python: str | None = None
    install_client_library: str = "never"
    service_arguments: tuple[tuple[str, str], ...] = ()
    services: tuple[str, ...] = ()
    restart_commands: tuple[tuple[str, ...], ...] = field(default_factory=tuple)
    ready_command: tuple[str, ...] = ()
    before_restart: tuple[tuple[str, ...], ...] = ()
    after_restart: tuple[tuple[str, ...], ...] = ()
    host_paths: Mapping[str, str] = field(default_factory=dict)
    idle_timeout: float = 900.0
    when_busy: str = "park"
    stuck_minutes: float = 60.0

    @property
    def config_file(self) -> str:
        """The first octavia.conf: for what needs one, whichever it is."""
        return self.config_files[0]

    def of_each_file(self) -> tuple["HostSettings", ...]:
        """These settings once for each octavia.conf, as if it were the only one."""
        return tuple(replace(self, config_files=(file,)) for file in self.config_files)

    def on_host(self, spec: Spec) -> Spec:
        """The specification with the TLS files and sockets as this host names them."""
        query = _on_host(spec.persistence.query, self.host_paths)
        task_flow = {
            name: _on_host(value, self.host_paths)
            if isinstance(value, Mapping)
            else value
            for name, value in spec.task_flow.items()
        }
        persistence = replace(spec.persistence, query=query)
        return replace(spec, persistence=persistence, task_flow=task_flow)


def on_host(path: str, host_paths: Mapping[str, str]) -> str:
    """Where a file of Octavia's container is on this host; the longest match counts.

    Anything that isn't at or below a path of ``host_paths`` stays as it is.
    """
    for inside in sorted(host_paths, key=len, reverse=True):
        folder = inside.rstrip("/")
        if path == folder or path.startswith(f"{folder}/"):
            return host_paths[inside].rstrip("/") + path.removeprefix(folder)
    return path


def in_container(config_file: str, host_paths: Mapping[str, str]) -> str:
    """Where Octavia's container has an octavia.conf of this host.

    Below no folder of ``host_paths``, it is in /etc/octavia: as with kolla-ansible,
    where each service has its own folder on the host.
    """
    for inside in sorted(host_paths, key=lambda each: -len(host_paths[each])):
        folder = host_paths[inside].rstrip("/")
        if config_file == folder or config_file.startswith(f"{folder}/"):
            return inside.rstrip("/") + config_file.removeprefix(folder)
    if config_file.startswith("/etc/octavia/"):
        return config_file
    return f"/etc/octavia/{config_file.rpartition('/')[2]}"


def _on_host(
    values: Mapping[str, str], host_paths: Mapping[str, str]
) -> dict[str, str]:
    return {name: on_host(value, host_paths) for name, value in values.items()}
