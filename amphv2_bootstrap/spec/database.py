# SPDX-License-Identifier: Apache-2.0
"""A database URL, taken apart, without its password."""

from collections.abc import Mapping
from dataclasses import dataclass, field

URL_ARGUMENTS = frozenset(
    {
        "charset",
        "connect_timeout",
        "read_timeout",
        "ssl_ca",
        "ssl_capath",
        "ssl_cert",
        "ssl_check_hostname",
        "ssl_cipher",
        "ssl_disabled",
        "ssl_key",
        "ssl_verify_cert",
        "ssl_verify_identity",
        "unix_socket",
        "write_timeout",
    }
)
"""The arguments that a MySQL URL may have. PyMySQL takes others that run statements,
read files of this host, load code or choose how the password is sent."""


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """Where a database is and which user logs in; without the password.

    ``drivername`` is SQLAlchemy's (``mysql+pymysql``, ``sqlite``). ``query``
    holds the URL's arguments (``ssl_ca``, ``unix_socket``...).
    """

    drivername: str
    username: str | None = None
    host: str | None = None
    port: int | None = None
    database: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_sqlite(self) -> bool:
        return self.drivername.split("+")[0] == "sqlite"

    @property
    def is_mysql(self) -> bool:
        """Whether it is MySQL or MariaDB, by whatever driver."""
        return self.drivername.split("+")[0] in ("mysql", "mariadb")

    @property
    def refused_arguments(self) -> tuple[str, ...]:
        """Those that are not among :data:`URL_ARGUMENTS`; SQLite may have none."""
        allowed: frozenset[str] = frozenset() if self.is_sqlite else URL_ARGUMENTS
        return tuple(sorted(set(self.query) - allowed))

    @property
    def place(self) -> str:
        """The server, for messages: host and port, or socket, or file."""
        if self.is_sqlite:
            return self.database or "memory"
        socket = self.query.get("unix_socket")
        return socket or f"{self.host or 'localhost'}:{self.port or 3306}"
