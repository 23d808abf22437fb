# SPDX-License-Identifier: Apache-2.0
"""``[task_flow]`` as the engine takes it: its own database and jobboard."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from amphv2_bootstrap.adapters.mysql import database_url
from amphv2_bootstrap.conf.backend import Backend
from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.conf.reading import Values
from amphv2_bootstrap.conf.urls import UrlCheck
from amphv2_bootstrap.jobboards.settings import BoardSettings, call_seconds
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.secret import Secret

GROUP = "task_flow"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The engine's own database (SQLAlchemy's URL) and jobboard."""

    persistence_connection: Secret
    board: BoardSettings


class Own:
    """The options of ``[task_flow]`` under check, then as settings."""

    def __init__(self, values: Values, default: Values, problems: Problems) -> None:
        self._values = values
        self._problems = problems
        self.connection, self.url = self._read_connection(default)
        driver = str(values["jobboard_backend_driver"]).split("_")[0]
        self.backend = Backend(GROUP, driver, values)
        self.expiry = float(values["jobboard_expiration_time"])

    @property
    def namespace(self) -> str:
        return str(self._values["jobboard_backend_namespace"])

    def check(self) -> None:
        """Collect what is wrong with the jobboard's options."""
        self.backend.check(self._problems)
        self._check_lease()

    def _check_lease(self) -> None:
        """A call that goes unanswered must leave time for another one."""
        timeout, limit = (
            self._values["jobboard_etcd_timeout"],
            call_seconds(self.expiry),
        )
        if self.backend.driver == "etcd" and timeout and timeout > limit:
            self._problems.add(
                GROUP,
                "jobboard_etcd_timeout",
                f"is {timeout} s: a renewal without an answer would cost the claim, "
                f"which lasts jobboard_expiration_time = {self.expiry:g} s",
                f"Leave it unset, make it {limit:g} or less, or the claim longer",
            )

    def is_same_database(self, other: DatabaseUrl) -> bool:
        """Whether ``other`` is written as the same database."""
        url = self.url
        if url.is_sqlite or other.is_sqlite:
            return url.is_sqlite and other.is_sqlite and url.database == other.database
        return (url.place, url.database) == (other.place, other.database)

    def settings(self) -> EngineSettings:
        """The settings; only after a check that found nothing."""
        return EngineSettings(Secret(self.connection), self._board())

    def _read_connection(self, default: Values) -> tuple[str, DatabaseUrl]:
        text = self._values["persistence_connection"]
        if not text:
            path = PurePosixPath(default["state_path"]) / "engine.sqlite"
            url = DatabaseUrl("sqlite", database=str(path))
            return database_url.with_password(url, None), url
        check = UrlCheck(GROUP, "persistence_connection", self._problems)
        return text, check.database(text, files_here=True)[0]

    def _board(self) -> BoardSettings:
        values = self._values
        return BoardSettings(
            driver=self.backend.driver,
            namespace=self.namespace,
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
