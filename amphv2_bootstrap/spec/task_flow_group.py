# SPDX-License-Identifier: Apache-2.0
"""One ``[task_flow]`` group, how this program reads its values, and traps in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from typing import Any, Literal

from oslo_utils import strutils

from amphv2_bootstrap.spec.octavia_options import (
    DEFAULT_PORTS,
    ENGINE_KEYS,
    REDIS,
    SENTINEL_PORT,
    TASK_FLOW_OPTIONS,
    TaskFlowOption,
)

SENTINEL_TLS = "jobboard_redis_sentinel_ssl_options"
_SWITCHES = ("ssl", "use_ssl")


def is_true(value: object) -> bool:
    """Whether oslo.utils, which Octavia and taskflow use, takes it for true."""
    return bool(strutils.bool_from_string(value))


def is_boolean(text: str) -> bool:
    """Whether oslo.utils takes it for true or for false."""
    return strutils.bool_from_string(text, default=None) is not None


def uses_tls(options: object) -> bool:
    """Whether a TLS dictionary turns TLS on; False for anything else."""
    return isinstance(options, Mapping) and any(
        is_true(options.get(switch)) for switch in _SWITCHES
    )


def switch_of(option: TaskFlowOption) -> str:
    """The key by which a TLS dictionary turns TLS on."""
    return next(key for key in option.keys if key in _SWITCHES)


def driver_of(values: Mapping[str, Any]) -> str:
    """``redis``, ``zookeeper``, ``etcd`` or ``sql``; empty if it isn't set."""
    return str(values.get("jobboard_backend_driver") or "").split("_")[0]


class Place(Flag):
    """Where a group comes from; each caller of the rules has its own member.

    ``OCTAVIA`` is ``[octavia]`` of amphv2-bootstrap.conf, ``ENGINE`` its
    ``[task_flow]``; ``FILE`` is octavia.conf as Octavia loads it, with its defaults,
    and ``CLIENT`` a specification as the client library of Octavia's driver gets it.
    """

    OCTAVIA = auto()
    ENGINE = auto()
    FILE = auto()
    CLIENT = auto()


CONFIGURATION = Place.OCTAVIA | Place.ENGINE


@dataclass(frozen=True)
class Group:
    """The values of one group by option, without those that can't be read.

    ``controllers`` is how many controllers have these values; ``versions`` has those of
    Octavia, taskflow and kazoo that read them, as far as they are known.
    """

    values: Mapping[str, Any]
    place: Place
    controllers: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def driver(self) -> str:
        return driver_of(self.values)

    @property
    def namespace(self) -> str:
        return str(self.values.get("jobboard_backend_namespace") or "")

    @property
    def hosts(self) -> tuple[str, ...]:
        hosts = self.values.get("jobboard_backend_hosts") or ()
        return tuple(str(host).strip() for host in hosts)

    @property
    def sentinel(self) -> bool:
        """Whether hosts and port are those of Sentinel."""
        return self.driver == REDIS and self.has("jobboard_redis_sentinel")

    @property
    def default_port(self) -> int:
        """The port on which the servers of this kind listen by default."""
        return SENTINEL_PORT if self.sentinel else DEFAULT_PORTS.get(self.driver, 0)

    @property
    def port(self) -> int:
        """The port as set, or the default one."""
        port = self.values.get("jobboard_backend_port")
        return self.default_port if port is None else int(port)

    def has(self, name: str) -> bool:
        """Whether the option has a value; 0 and [] count as none."""
        return bool(self.values.get(name))

    def tls(self) -> Iterator[tuple[TaskFlowOption, Mapping[str, Any]]]:
        """The TLS dictionaries that are set; in octavia.conf only those it reads."""
        for option in TASK_FLOW_OPTIONS:
            value = self.values.get(option.name)
            read = option.is_read_by(self.driver) and (
                self.sentinel or option.name != SENTINEL_TLS
            )
            if isinstance(value, Mapping) and (read or self.place in CONFIGURATION):
                yield self._with_own_keys(option), value

    def _with_own_keys(self, option: TaskFlowOption) -> TaskFlowOption:
        more = ENGINE_KEYS.get(option.name, ()) if self.place is Place.ENGINE else ()
        return replace(option, keys=(*option.keys, *more))


Severity = Literal["warning", "refused", "fatal"]


@dataclass(frozen=True, slots=True)
class Trap:
    """A problem of one option: ``what`` follows its name, ``todo`` is an imperative.

    ``refused`` and ``fatal`` are errors in our configuration, and warnings in an
    octavia.conf. With a ``fatal`` one, Octavia's client can't be created.
    """

    option: str
    what: str
    todo: str
    severity: Severity = "refused"

    def __str__(self) -> str:
        return f"{self.option} {self.what}. {self.todo}."


Traps = Iterator[Trap]
