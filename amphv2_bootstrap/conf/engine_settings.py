# SPDX-License-Identifier: Apache-2.0
"""``[task_flow]`` as settings of the engine's own database and jobboard."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from amphv2_bootstrap.adapters.mysql import database_url
from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.conf.reading import Values
from amphv2_bootstrap.conf.tls import check_folder
from amphv2_bootstrap.conf.urls import UrlCheck
from amphv2_bootstrap.conf.wanted import check_backend
from amphv2_bootstrap.jobboards.settings import BoardSettings, call_seconds
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.octavia_options import ETCD
from amphv2_bootstrap.spec.secret import Secret
from amphv2_bootstrap.spec.task_flow_group import Group, Place

GROUP = "task_flow"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The engine's own database (a SQLAlchemy URL) and jobboard."""

    persistence_connection: Secret
    board: BoardSettings


class Own:
    """The options of ``[task_flow]``: check them, then build the settings."""

    def __init__(
        self, values: Values, default: Values, controllers: int, problems: Problems
    ) -> None:
        self._values = values
        self._problems = problems
        self.connection, self.url = self._read_connection(default)
        self.backend = Group(values, Place.ENGINE, controllers)
        self.expiry = float(values["jobboard_expiration_time"])

    def check(self) -> None:
        """Collect what is wrong with the jobboard's options and SQLite's folder."""
        if self._values["persistence_connection"] and self.url.is_sqlite:
            place = self._problems.of(GROUP, "persistence_connection")
            check_folder(place, Path(self.url.database or "").parent)
        check_backend(GROUP, self.backend, self._problems)
        self._check_lease()

    def _check_lease(self) -> None:
        """A call without an answer must leave time for another one."""
        option, limit = "jobboard_etcd_timeout", call_seconds(self.expiry)
        timeout = self._values[option]
        if self.backend.driver == ETCD and timeout and timeout > limit:
            self._problems.of(GROUP, option).add(
                f"is {timeout} s: one renewal without an answer would end the claim, "
                f"which lasts jobboard_expiration_time = {self.expiry:g} s",
                f"Leave it unset, set it to {limit:g} or less, or raise "
                "jobboard_expiration_time",
            )

    def is_same_database(self, other: DatabaseUrl) -> bool:
        """Whether both URLs name the same database; aliases aren't resolved."""
        url = self.url
        if url.is_sqlite or other.is_sqlite:
            return url.is_sqlite and other.is_sqlite and url.database == other.database
        return (url.place, url.database) == (other.place, other.database)

    def settings(self) -> EngineSettings:
        """The settings; only after a check that found nothing."""
        return EngineSettings(Secret(self.connection), self._board())

    def _read_connection(self, default: Values) -> tuple[str, DatabaseUrl]:
        option = "persistence_connection"
        text = self._values[option]
        if not text:
            path = PurePosixPath(default["state_path"]) / "engine.sqlite"
            url = DatabaseUrl("sqlite", database=str(path))
            return database_url.with_password(url, None), url
        check = UrlCheck(self._problems.of(GROUP, option))
        return text, check.database(text, files_here=True)[0]

    def _board(self) -> BoardSettings:
        values = self._values
        return BoardSettings(
            driver=self.backend.driver,
            namespace=self.backend.namespace,
            hosts=self.backend.hosts,
            port=self.backend.port,
            username=values["jobboard_backend_username"],
            password=_secret(values["jobboard_backend_password"]),
            redis_db=values["jobboard_redis_backend_db"],
            redis_sentinel=values["jobboard_redis_sentinel"],
            redis_sentinel_username=values["jobboard_redis_sentinel_username"],
            redis_sentinel_password=_secret(values["jobboard_redis_sentinel_password"]),
            redis_ssl=values["jobboard_redis_backend_ssl_options"] or {},
            redis_sentinel_ssl=values["jobboard_redis_sentinel_ssl_options"] or {},
            zookeeper_ssl=values["jobboard_zookeeper_ssl_options"] or {},
            etcd_ssl=values["jobboard_etcd_ssl_options"] or {},
            etcd_timeout=values["jobboard_etcd_timeout"],
            etcd_api_path=values["jobboard_etcd_api_path"],
            expiry=self.expiry,
        )


def _secret(text: str | None) -> Secret | None:
    return Secret(text) if text else None
