# SPDX-License-Identifier: Apache-2.0
"""The privileges of an account, as SHOW GRANTS tells them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DATABASE_PRIVILEGES = (
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "REFERENCES",
    "INDEX",
    "ALTER",
    "CREATE TEMPORARY TABLES",
    "LOCK TABLES",
    "EXECUTE",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "EVENT",
    "TRIGGER",
)
"""What ALL PRIVILEGES on a database includes on every supported server."""

_IDENTIFIER = r"\*|`(?:[^`]|``)*`"
_GRANT = re.compile(
    rf"(?P<verb>GRANT|REVOKE) (?P<privileges>.+?) ON "
    rf"(?P<database>{_IDENTIFIER})\.(?P<table>{_IDENTIFIER}) (?:TO|FROM) (?P<rest>.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of SHOW GRANTS on a whole database, or (``%``) on the whole server."""

    pattern: str
    privileges: frozenset[str]
    may_grant: bool = False
    revoked: bool = False
    grantee: str = ""

    @property
    def is_global(self) -> bool:
        return self.pattern == "%"

    @property
    def specificity(self) -> float:
        """As the server sorts grants on databases: the text before a wildcard."""
        literal = re.match(r"(?:\\.|[^%_\\])*", self.pattern)
        assert literal is not None  # noqa: S101 - it may be empty
        is_exact = literal.end() == len(self.pattern)
        return float("inf") if is_exact else literal.end()

    def reaches(self, database: str) -> bool:
        return self.is_global or bool(like(self.pattern).fullmatch(database))

    def gives(self, privilege: str) -> bool:
        return bool({privilege, "ALL PRIVILEGES"} & self.privileges)


@dataclass(frozen=True, slots=True)
class Grants:
    """The privileges of an account on whole databases and on the server.

    ``has_others``: SHOW GRANTS has more than ``entries``. ``folds_names``: the server
    stores and compares the names of databases in lower case.
    """

    entries: tuple[Grant, ...]
    has_others: bool = False
    folds_names: bool = False

    def holds(self, privilege: str, database: str) -> bool:
        """Whether the account has the privilege on that whole database."""
        # A partial revoke (MySQL 8) removes a global privilege for one database.
        taken = any(
            entry.revoked and privilege in entry.privileges
            for entry in self.entries
            if entry.reaches(self._stored(database))
        )
        return any(
            entry.gives(privilege) and not (taken and entry.is_global)
            for entry in self._deciding(database)
        )

    def _deciding(self, database: str) -> Iterator[Grant]:
        """The grants in force: the global ones, and the most specific that fits.

        https://dev.mysql.com/doc/refman/8.4/en/request-access.html
        """
        name = self._stored(database)
        best: dict[str, Grant] = {}
        for entry in self.entries:
            if entry.revoked or not entry.reaches(name):
                continue
            if entry.is_global:
                yield entry
                continue
            other = best.setdefault(entry.grantee, entry)
            if entry.specificity > other.specificity:
                best[entry.grantee] = entry
        yield from best.values()

    def holds_globally(self, privilege: str) -> bool:
        """Whether the account has the privilege on the whole server."""
        return any(
            entry.is_global and not entry.revoked and entry.gives(privilege)
            for entry in self.entries
        )

    def may_grant(self, database: str) -> bool:
        """Whether the account may grant its privileges on that database."""
        return any(entry.may_grant for entry in self._deciding(database))

    def holds_all(self, database: str) -> bool:
        """Whether the account has every privilege on that database."""
        return all(self.holds(one, database) for one in DATABASE_PRIVILEGES)

    def has_own(self, database: str) -> bool:
        """Whether there is a grant on exactly this database's escaped name."""
        escaped = re.sub(r"([\\_%])", r"\\\1", self._stored(database))
        return any(entry.pattern == escaped for entry in self.entries)

    @property
    def has_global(self) -> bool:
        """Whether it has what an account at another host would not have, too.

        The server finds grants on databases by the client's host, but those on the
        whole server, and roles, by the account.
        """
        return self.has_others or any(
            entry.is_global and (entry.privileges != {"USAGE"} or entry.may_grant)
            for entry in self.entries
        )

    @property
    def is_empty(self) -> bool:
        """Whether the account may only log in: it has no grant beside USAGE."""
        return not self.has_others and all(
            entry.privileges == {"USAGE"} and not entry.may_grant
            for entry in self.entries
        )

    def _stored(self, database: str) -> str:
        return database.lower() if self.folds_names else database


def parse_grants(lines: Iterable[str], *, folds_names: bool = False) -> Grants:
    """Read the SHOW GRANTS of MariaDB or MySQL.

    Of roles, proxies, and grants on single tables, columns and routines, the result
    only tells that there are some: a bootstrap doesn't use them.
    """
    entries, has_others = [], False
    for line in lines:
        found = _GRANT.match(line)
        if found is None or found["table"] != "*":
            has_others = True
            continue
        entries.append(
            Grant(
                pattern="%" if found["database"] == "*" else _plain(found["database"]),
                privileges=frozenset(
                    part.strip().upper() for part in found["privileges"].split(",")
                ),
                may_grant="WITH GRANT OPTION" in found["rest"].upper(),
                revoked=found["verb"] == "REVOKE",
                grantee=found["rest"].partition(" ")[0],
            )
        )
    return Grants(tuple(entries), has_others, folds_names)


def _plain(quoted: str) -> str:
    return quoted[1:-1].replace("``", "`")


def like(pattern: str) -> re.Pattern[str]:
    """A SQL pattern as a regular expression."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile(
        "".join(wild.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL
    )
