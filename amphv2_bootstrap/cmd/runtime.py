# SPDX-License-Identifier: Apache-2.0
"""The composition root: makes the engine's parts from the configuration."""

import contextlib
import dataclasses
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from amphv2_bootstrap.adapters.host import service_notify
from amphv2_bootstrap.adapters.mysql.database_url import shown
from amphv2_bootstrap.cmd.host_contexts import HostContexts
from amphv2_bootstrap.conf.build import Loaded
from amphv2_bootstrap.engine.board import Board
from amphv2_bootstrap.engine.conductor.duplicate_hosts import DuplicateHosts
from amphv2_bootstrap.engine.errors import SchemaError
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import Drain
from amphv2_bootstrap.engine.storage import durability, migrate
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.host_reports import HostReports
from amphv2_bootstrap.engine.storage.job_creation import JobCreation
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.jobboards.registry import open_board, risks
from amphv2_bootstrap.posting.poster import Poster
from amphv2_bootstrap.posting.sealing import Sealer
from amphv2_bootstrap.spec.masking import Masker, passwords_in
from amphv2_bootstrap.web.health import Pulse

if TYPE_CHECKING:
    from amphv2_bootstrap.engine.conductor.conductor import Conductor
    from amphv2_bootstrap.engine.conductor.reporter import Reporter
    from amphv2_bootstrap.engine.execution.runner import Runner
    from amphv2_bootstrap.web.server import StatusPage


@dataclass(frozen=True)
class Runtime:
    """The engine's parts, each made at its first use."""

    loaded: Loaded

    @cached_property
    def database(self) -> Database:
        """The engine's database, its tables of this version.

        SQLite's are made at once; on a server only ``db upgrade`` makes them.
        """
        database = Database(self.loaded.engine.persistence_connection.reveal())
        if database.is_sqlite:
            migrate.upgrade(database)
        else:
            migrate.check(database)
        return database

    @cached_property
    def owner(self) -> ProcessIdentity:
        return ProcessIdentity.of_this_process(self.loaded.host.name)

    @cached_property
    def store(self) -> Store:
        return Store(self.database)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.database, str(self.owner))

    @cached_property
    def reports(self) -> HostReports:
        return HostReports(self.database, self.sealer.key)

    @cached_property
    def contexts(self) -> HostContexts:
        return HostContexts(self.loaded, self.sealer, self.store)

    @cached_property
    def sealer(self) -> Sealer:
        return Sealer(self.loaded.secrets, self.loaded.host.name)

    @cached_property
    def masker(self) -> Masker:
        return masker(self.loaded)

    @cached_property
    def duplicate_hosts(self) -> DuplicateHosts:
        return DuplicateHosts(self.store, self.owner)

    @cached_property
    def runner(self) -> "Runner":
        """What carries flows out in this process."""
        from amphv2_bootstrap.engine.execution.registry import RegisteredFlows
        from amphv2_bootstrap.engine.execution.runner import Runner

        contexts, limits = self.contexts, self.loaded.conductor.steps
        engine = self.database, self.journal, RegisteredFlows()
        return Runner(*engine, contexts, self.masker, limits)

    def poster(self) -> Poster:
        job_creation = JobCreation(self.database, self.journal)
        return Poster(self.store, job_creation, self.sealer)

    def risks(self) -> list[str]:
        """What a fail-over of the engine's own backends may lose, as full sentences.

        Raises what :meth:`Database.read` and :meth:`Board.connect` do.
        """
        engine = self.loaded.engine
        found: list[str] = []
        url = sa.make_url(engine.persistence_connection.reveal())
        if url.get_backend_name() != "sqlite":
            with contextlib.closing(Database(url)) as database:
                found += durability.risks(database)
        if engine.board.driver != "sql":
            found += risks(engine.board)
        return found

    def drains(self) -> list[Drain]:
        """The drained hosts; unlike :attr:`database` this makes no tables.

        Raises what :meth:`Database.read` does.
        """
        url = sa.make_url(self.loaded.engine.persistence_connection.reveal())
        is_sqlite = url.get_backend_name() == "sqlite"
        if is_sqlite and not Path(url.database or "").exists():
            return []
        with contextlib.closing(Database(url)) as database:
            try:
                return list(Store(database).drains().values())
            except SchemaError:  # tables that are missing, or older, know of no drain
                return []

    def board(self) -> Board:
        """A new board, not yet connected."""
        settings = self.loaded.engine.board
        if settings.driver == "sql":
            settings = dataclasses.replace(settings, database=self.database)
        return open_board(settings)

    def conductor(self, only: frozenset[str] | None = None) -> "Conductor":
        """A conductor of this host, with a board of its own, not yet at work."""
        from amphv2_bootstrap.engine.conductor.conductor import Conductor
        from amphv2_bootstrap.engine.conductor.workers import Parts

        # A conductor for some jobs only, as of 'run', is gone too soon to report.
        reporter = self.reporter() if only is None else None
        parts = Parts(
            self.board(),
            self.store,
            self.journal,
            self.runner,
            reporter,
            self.alive,
        )
        return Conductor(parts, self.owner, self.loaded.conductor, only)

    @cached_property
    def pulse(self) -> Pulse:
        """How the conductor of this process is doing."""
        return Pulse(max(60.0, 10 * self.loaded.conductor.poll_interval))

    def alive(self) -> None:
        """Say that the conductor's loop goes round."""
        service_notify.alive()
        self.pulse.beat()

    def status_page(self) -> "StatusPage | None":
        """The pages of this process, not yet served; None where none are wanted."""
        if self.loaded.http is None:
            return None
        # Here: they are an extra.
        from amphv2_bootstrap.web.composition import status_page

        return status_page(self.loaded, lambda: self.store, self.pulse, str(self.owner))

    def reporter(self) -> "Reporter | None":
        """What tells of this host's Octavia; None where it is no controller."""
        from amphv2_bootstrap.adapters.octavia.controller_report import ControllerReport
        from amphv2_bootstrap.engine.conductor.reporter import Reporter, ReportSource

        host = self.loaded.host
        if host.name not in self.loaded.spec.controllers:
            return None
        wanted = self.loaded.spec.persistence
        report = ControllerReport(
            host,
            self._report_digest,
            persistence_default=shown(wanted) if self.loaded.persistence_from else "",
        )
        return Reporter(
            ReportSource(report.make, report.stamp),
            self.reports,
            self.owner,
            metadata.version("amphv2-bootstrap"),
            self.loaded.conductor.reconcile_interval,
            self.masker,
        )

    def _report_digest(self, name: str, text: str) -> str:
        """Comparable in the whole cloud; who hasn't its secrets can try no guess."""
        return self.reports.key.seal("digest", name, text)


def masker(loaded: Loaded) -> Masker:
    """Knows every secret of this host's configuration."""
    return Masker(secret_texts(loaded))


def secret_texts(loaded: Loaded) -> list[str]:
    """The secrets themselves, and the passwords within the engine's own URL."""
    secrets = [secret.reveal() for secret in loaded.secrets.values()]
    url = loaded.engine.persistence_connection.reveal()
    token = loaded.http.token if loaded.http else None
    own = [*passwords_in(url), *([token.reveal()] if token else [])]
    return [*secrets, *loaded.engine.board.secret_texts, *own]
