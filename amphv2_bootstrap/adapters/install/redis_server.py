# SPDX-License-Identifier: Apache-2.0
"""Configures the distribution's Redis for Octavia's jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.host.packages import Family
from amphv2_bootstrap.adapters.install.config_lines import Setting, with_setting
from amphv2_bootstrap.adapters.install.server_setup import Layout, WantedFile, place_of
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secret, Secrets
from amphv2_bootstrap.spec.task_flow_group import uses_tls

LAYOUTS: Mapping[Family, Layout] = {
    "debian": Layout(
        packages=("redis-server",),
        unit="redis-server",
        config_files=(Path("/etc/redis/redis.conf"),),
        data_folder=Path("/var/lib/redis"),
    ),
    "redhat": Layout(  # RHEL 8 has the file in /etc, RHEL 9 in a folder
        packages=("redis",),
        unit="redis",
        config_files=(Path("/etc/redis/redis.conf"), Path("/etc/redis.conf")),
        data_folder=Path("/var/lib/redis"),
    ),
}


@dataclass(frozen=True, slots=True)
class Redis:
    """A single server that the controllers can reach and that loses no job.

    ``username``, if given, names a user with all rights and the default user's
    password.
    """

    address: str
    port: int
    password: Secret
    username: str | None = None

    def settings(self) -> tuple[Setting, ...]:
        """The wanted lines of redis.conf."""
        password = quoted(self.password.reveal())
        plain = [
            ("bind", self._addresses()),
            ("protected-mode", "yes"),
            ("port", str(self.port)),
            ("requirepass", password),
            ("masterauth", password),
            ("appendonly", "yes"),
            ("maxmemory-policy", "noeviction"),
        ]
        settings = [Setting(name, f"{name} {value}") for name, value in plain]
        return (*settings, *self._user())

    def _addresses(self) -> str:
        loopback = ["127.0.0.1", "-::1"]  # "-": not every host has IPv6
        if self.address == "::1":
            return "127.0.0.1 ::1"
        own = [] if self.address == "127.0.0.1" else [self.address]
        return " ".join([*loopback, *own])

    def _user(self) -> tuple[Setting, ...]:
        if self.username in (None, "default"):
            return ()
        digest = sha256(self.password.reveal().encode()).hexdigest()
        name = str(self.username)
        line = f"user {name} on #{digest} ~* &* +@all"
        return (Setting(rf"user\s+{_escaped(name)}", line),)


def wanted(spec: Spec, secrets: Secrets, host: str) -> Redis:
    """The server that ``spec`` wants on ``host``.

    Only a single Redis is supported. Operators set up Sentinel by hand, since
    Sentinel changes which server is the master.

    :raises PermanentError: Sentinel, TLS or no password is wanted, or ``host`` isn't
        the server's host.
    """
    _refuse_unsupported(spec)
    password = secrets.get("jobboard_backend_password")
    if password is None:
        raise _refused("it would have no password", "Set jobboard_backend_password.")
    username = spec.task_flow.get("jobboard_backend_username")
    if username is not None and (not str(username) or " " in str(username)):
        raise _refused("Redis takes no user name with a space", "Choose another one.")
    (_, port), *_ = spec.key_value_servers
    address = place_of(spec, host).address
    return Redis(address, port, password, None if username is None else str(username))


def _refuse_unsupported(spec: Spec) -> None:
    by_hand = "Set it up by hand, with install_key_value_backend = false."
    if spec.task_flow.get("jobboard_redis_sentinel") is not None:
        raise _refused("this step doesn't install Sentinel and replicas", by_hand)
    if len(spec.key_value_servers) > 1:
        raise _refused("without Sentinel, Octavia uses only one Redis", by_hand)
    if uses_tls(spec.task_flow.get("jobboard_redis_backend_ssl_options")):
        raise _refused("it needs certificates for TLS", by_hand)


def _refused(why: str, todo: str) -> PermanentError:
    return PermanentError("set up the Redis server", why=why, todo=todo)


def wanted_files(layout: Layout, redis: Redis) -> tuple[WantedFile, ...]:
    """The existing redis.conf with the wanted lines.

    :raises PermanentError: redis.conf can't be read.
    """
    content = durable_file.read(str(layout.config_file))
    for setting in redis.settings():
        content = with_setting(content, setting)
    return (WantedFile(layout.config_file, content, private=True),)


def quoted(text: str) -> str:
    """``text`` as a quoted argument of Redis (``sdssplitargs``)."""
    return '"' + "".join(_quoted_byte(byte) for byte in text.encode()) + '"'


def _quoted_byte(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"


def _escaped(name: str) -> str:
    return "".join(char if char.isalnum() else f"\\{char}" for char in name)
