# SPDX-License-Identifier: Apache-2.0
"""A database URL, taken apart, without its password."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    def place(self) -> str:
        """The server, for messages: host and port, or socket, or file."""
        if self.is_sqlite:
            return self.database or "memory"
        socket = self.query.get("unix_socket")
        return socket or f"{self.host or 'localhost'}:{self.port or 3306}"
