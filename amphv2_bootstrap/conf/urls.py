# SPDX-License-Identifier: Apache-2.0
"""Parse database URLs, and check them for common mistakes."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from amphv2_bootstrap.adapters.mysql import database_url
from amphv2_bootstrap.conf.problems import OptionProblems
from amphv2_bootstrap.conf.tls import check_certificates
from amphv2_bootstrap.spec.database import URL_ARGUMENTS, DatabaseUrl
from amphv2_bootstrap.spec.model import on_host
from amphv2_bootstrap.spec.task_flow_rules import IN_MEMORY
from amphv2_bootstrap.spec.tls import url_traps

NOWHERE = DatabaseUrl("sqlite")
"""Replaces a URL that has a problem; it never leaves ``build``."""

_DRIVERS = ("mysql+pymysql", "sqlite")
_SYSTEM_DATABASES = ("mysql", "sys", "information_schema", "performance_schema")
_DATABASE_NAME = re.compile(r"[A-Za-z0-9_$-]{1,64}")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ADMIN_FORM = "Write mysql+pymysql://root:PASSWORD@HOST/"
_FORM = "Write mysql+pymysql://USER:PASSWORD@HOST/DATABASE"
_OPTION_FILE = frozenset({"read_default_file", "read_default_group"})
"""The administrator's URL stands only in this host's own file, never in a job."""
_FOUR_SLASHES = "Write sqlite:////ABSOLUTE/PATH, with four slashes"
_ENCODE = "Percent-encode the user and the password (% is %25, @ is %40, / is %2F)"


class UrlCheck:
    """Checks of one URL option. No message shows the URL."""

    def __init__(
        self, problems: OptionProblems, host_paths: Mapping[str, str] | None = None
    ) -> None:
        self._problems = problems
        self._host_paths = host_paths or {}
        self._add = problems.add

    def database(
        self, text: str, *, files_here: bool
    ) -> tuple[DatabaseUrl, str | None]:
        """The URL of SQLite, or of a database, which needs user and password."""
        url, password = self._parse(text)
        if url is not NOWHERE:
            self.check(url, has_password=bool(password), files_here=files_here)
            self._warn_of_guessable(url, password)
        return url, password

    def check(self, url: DatabaseUrl, *, has_password: bool, files_here: bool) -> None:
        """Check the parts of such a URL."""
        if url.drivername not in _DRIVERS:
            self._refuse_driver(url)
        elif url.is_sqlite:
            self._check_sqlite(url)
        else:
            self._check_server(url)
            self._check_tls(url, files_here)
            self._check_database_name(url)
            if not url.username or not has_password:
                missing = "password" if url.username else "user name"
                self._add(f"has no {missing}", _FORM)

    def administrator(
        self, text: str, *, files_here: bool
    ) -> tuple[DatabaseUrl, str | None]:
        """The URL of a MySQL server for its administrator, which needs a user."""
        url, password = self._parse(text)
        if not url.is_sqlite:
            self._check_server(url, _OPTION_FILE)
            self._check_tls(url, files_here)
            if not url.username:
                self._add("has no user name", _ADMIN_FORM)
            self._warn_of_guessable(url, password)
        elif url is not NOWHERE:
            self._add("is SQLite, but persistence_connection is MySQL", _ADMIN_FORM)
        return replace(url, database=url.database or None), password

    def _parse(self, text: str) -> tuple[DatabaseUrl, str | None]:
        if not self._check_text(text):
            return NOWHERE, None
        try:
            url, password = database_url.parse(text)
        except ValueError as exc:
            self._add(f"isn't a URL that can be used: {exc}", _FORM)
            return NOWHERE, None
        if url.drivername not in _DRIVERS:
            self._refuse_driver(url)
            return NOWHERE, None
        return url, password

    def _check_text(self, text: str) -> bool:
        if any(character.isspace() for character in text):
            self._add("has a space or a line break", "Remove it, or write %20 for it")
        elif text[:1] in "'\"" or text[-1:] in "'\"":
            self._add("has a quotation mark at one end", "Remove it")
        elif _BARE_PERCENT.search(text.partition("?")[0]):
            self._add("has a % that isn't followed by two hexadecimal digits", _ENCODE)
        else:
            return True
        return False

    def _refuse_driver(self, url: DatabaseUrl) -> None:
        if url.is_mysql:
            self._add(
                f"has the driver {url.drivername}, which taskflow or this program "
                "can't use",
                "Write mysql+pymysql:// for MySQL and for MariaDB",
            )
        else:
            self._add(
                f"has the driver {url.drivername}, which isn't supported",
                "Use MariaDB or MySQL (mysql+pymysql://), or SQLite (sqlite:///FILE)",
            )

    def _check_sqlite(self, url: DatabaseUrl) -> None:
        name = url.database
        if not name or name == ":memory:" or "mode" in url.query:
            self._add(IN_MEMORY, _FOUR_SLASHES)
        elif url.host or not PurePosixPath(name).is_absolute():
            self._add(
                "has a relative path, which means a different file to each program",
                _FOUR_SLASHES,
            )
        else:
            self._check_arguments(url)

    def _check_server(
        self, url: DatabaseUrl, also: frozenset[str] = frozenset()
    ) -> None:
        if not url.host and "unix_socket" not in url.query:
            self._add("has no host", f"{_FORM}, or add ?unix_socket=/PATH")
        if url.port is not None and not 1 <= url.port <= 65535:
            self._add(f"has the port {url.port}", "Write one from 1 to 65535")
        self._check_arguments(url, also)

    def _check_tls(self, url: DatabaseUrl, files_here: bool) -> None:
        for trap in url_traps("", url.query):
            note = self._problems.warn if trap.severity == "warning" else self._add
            note(trap.what, trap.todo)
        check_certificates(
            self._problems, url.query, here=files_here, host_paths=self._host_paths
        )
        folder = on_host(url.query.get("ssl_capath", ""), self._host_paths)
        if folder and files_here and not Path(folder).is_dir():
            what = f"names ssl_capath {folder}, but this host has no such folder"
            self._add(what, "Correct the path, or write ssl_ca=/PATH/TO/CA.pem instead")

    def _check_arguments(
        self, url: DatabaseUrl, also: frozenset[str] = frozenset()
    ) -> None:
        for name in sorted(set(url.refused_arguments) - also):
            if name.startswith(("ssl", "tls")) and not url.is_sqlite:
                continue  # url_traps reports these
            if "pass" in name.lower() or name == "user":
                todo = "Write user and password before the host, where they are masked"
            elif url.is_sqlite:
                todo = "Remove it: SQLite needs none"
            else:
                todo = f"Remove it: allowed are {', '.join(sorted(URL_ARGUMENTS))}"
            self._add(f"has the argument {name} after '?'", todo)

    def _check_database_name(self, url: DatabaseUrl) -> None:
        if not url.database:
            self._add("names no database", f"{_FORM}, such as octavia_persistence")
        elif url.database.lower() in _SYSTEM_DATABASES:
            self._add(
                f"names {url.database}, a database of the server itself",
                "Name one of its own, such as octavia_persistence",
            )
        elif not _DATABASE_NAME.fullmatch(url.database):
            self._add(
                "has a database name of more than 64 characters, or with others than "
                "letters, digits, _, - and $",
                f"{_FORM}, such as octavia_persistence",
            )

    def _warn_of_guessable(self, url: DatabaseUrl, password: str | None) -> None:
        names = {(name or "").lower() for name in (url.username, url.database)}
        if password and password.lower() in names:
            self._problems.warn(
                "has a password that is also its user's or its database's name: it is "
                "easy to guess, and messages mask that name everywhere",
                "Choose another",
            )
