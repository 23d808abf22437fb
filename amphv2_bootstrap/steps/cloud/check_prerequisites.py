# SPDX-License-Identifier: Apache-2.0
"""``check-prerequisites``: the other steps of the flow can run; writes nothing."""

import itertools
import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from amphv2_bootstrap.adapters import key_value
from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.mysql import fitness, named_locks
from amphv2_bootstrap.adapters.mysql.accounts import database_privileges, own_grants
from amphv2_bootstrap.adapters.mysql.sessions import Server, Session
from amphv2_bootstrap.adapters.octavia import config_sources, introspection
from amphv2_bootstrap.adapters.octavia.interpreter import (
    interpreter_of,
    is_command,
    others_may_replace,
)
from amphv2_bootstrap.adapters.octavia.service_user import (
    service_user,
    unreadable_for,
)
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.clocks import CLOCK_ERROR_SECONDS, CLOCK_WARNING_SECONDS
from amphv2_bootstrap.steps.base import UNCHANGED, Context, Seen, Step, StepResult
from amphv2_bootstrap.steps.canary import prepare
from amphv2_bootstrap.steps.controller.ensure_client_library import (
    refuse_missing_library,
)
from amphv2_bootstrap.steps.controller.shutdown_time import shutdown_warnings
from amphv2_bootstrap.steps.missing_options import doubtful_options, missing_options
from amphv2_bootstrap.steps.octavia_clients import (
    KeyValueCheck,
    check_key_value,
    refuse_unusable_url,
)
from amphv2_bootstrap.steps.octavia_file import refuse_unwritable
from amphv2_bootstrap.steps.provider import refuse_unused_jobboard
from amphv2_bootstrap.steps.target_database import (
    account_remarks,
    admin,
    database_name,
    unserved_hosts,
)
from amphv2_bootstrap.steps.under_way import pending

OLDEST = {"MariaDB": (10, 0, 2), "MySQL": (8, 0)}
"""MariaDB: the first version in which a connection can hold two named locks."""

_NO_FILES = ("unix_socket", "ssl_capath")


class CheckPrerequisites(Step):
    """Check everything that the flow needs, and report all problems at once."""

    atom_name = "check-prerequisites"

    def __init__(
        self,
        context: Context,
        check_key_value: KeyValueCheck = key_value.check,
        systemd: Systemd | None = None,
    ) -> None:
        super().__init__(context)
        self._systemd = systemd or Systemd()
        self._check_key_value = check_key_value
        self._problems: list[str] = []
        self._warnings: list[str] = []
        self._found: list[str] = []

    @property
    def aim(self) -> str:
        spec = self.context.spec
        return (
            "check octavia-db-manage, that octavia.conf can be replaced, the rights on "
            f"{spec.persistence.place}, {spec.driver}, and clocks; changes nothing"
        )

    def act(self) -> StepResult:
        # The flow's canary: octavia-db-manage needs the processor later.
        prepare(self.context)
        return super().act()

    def look(self, ahead: Collection[str] = ()) -> Seen:
        self._problems, self._warnings, self._found = [], [], []
        away: TransientError | None = None
        checks = (
            self._octavia,
            self._provider,
            self._disk,
            self._tls_files,
            self._database_server,
            self._persistence_url,
            self._key_value,
            self._under_way,
        )
        for check in checks:
            try:
                check()
            except PermanentError as exc:
                self._problems.append(str(exc))
            except TransientError as exc:
                away = exc
        if self._problems:
            self._problems += [str(away)] if away else []
            raise PermanentError(
                "check the prerequisites",
                why=self._numbered(),
                todo="Do what each problem says, and resume the job.",
            )
        if away:
            raise away
        found = "; ".join(self._found)
        return Seen(StepResult(UNCHANGED, found, tuple(self._warnings)))

    def _numbered(self) -> str:
        return "; ".join(f"({n}) {text}" for n, text in enumerate(self._problems, 1))

    def _octavia(self) -> None:
        host = self.context.host
        if shutil.which(host.db_manage_command[0]) is None:
            self._problems.append(
                f"{host.db_manage_command[0]} is not there or can't be run: install "
                "Octavia on this host, or correct db_manage_command."
            )
            return
        missing = [file for file in host.config_files if not Path(file).is_file()]
        self._problems += [
            f"Octavia's configuration {file} is not there: correct config_file."
            for file in missing
        ]
        self._arguments()
        self._octavia_versions()
        if not missing:
            refuse_unwritable(self.context)

    def _arguments(self) -> None:
        """Note if octavia-worker doesn't load the file that will be written."""
        host = self.context.host
        if is_command(interpreter_of(host) or ""):
            return  # the paths are those of a container
        stated = config_sources.arguments(host, self._systemd)
        real = tuple((kind, os.path.realpath(path)) for kind, path in stated or ())
        files = ((host.config_file, stated), (os.path.realpath(host.config_file), real))
        if stated and not any(itertools.starmap(config_sources.is_loaded, files)):
            words = " ".join(itertools.chain(*stated))
            self._problems.append(
                f"octavia-worker is started with {words}, so it doesn't load "
                f"{host.config_file}: correct config_file, or how it is started."
            )

    def _provider(self) -> None:
        there = all(Path(file).is_file() for file in self.context.host.config_files)
        if there:
            self._warnings += refuse_unused_jobboard(self.context)
            self._warnings += shutdown_warnings(self.context)

    def _disk(self) -> None:
        durable_file.check_room(self.context.host.state_path)

    def _tls_files(self) -> None:
        """Note files that Octavia's user must read, and can't; we read them as root."""
        user = service_user(self.context.host, self._systemd)
        spec = self.context.spec
        groups = (spec.persistence.query, *spec.task_flow.values())
        values = [each.items() for each in groups if isinstance(each, Mapping)]
        paths = [path for key, path in itertools.chain(*values) if key not in _NO_FILES]
        files = dict.fromkeys(path for path in paths if path.startswith("/"))
        self._problems += [
            f"{path} can't be read by {user}, who runs Octavia's services: its "
            "connections would fail. Let that user read the file and enter its folders."
            for path in (unreadable_for(user, files) if user else ())
        ]

    def _octavia_versions(self) -> None:
        host = self.context.host
        self._warnings += others_may_replace(host)
        python = interpreter_of(host)
        versions = introspection.versions(python) if python else {}
        if versions.get("octavia") is None:
            why = f"{python} has no Octavia" if python else "its Python wasn't found"
            self._warnings.append(
                f"The Octavia version of {host.db_manage_command[0]} is unknown: "
                f"{why}. Set [octavia] python to its interpreter, if it is on this "
                "host. Up to Octavia 8 (Wallaby), [api_settings] must have "
                "default_provider_driver = amphorav2; here the newest is assumed."
            )
            return
        names = ("octavia", "taskflow")
        self._found += [f"{n} {versions[n]}" for n in names if versions[n]]
        self._problems += missing_options(self.context)
        self._warnings += doubtful_options(self.context)
        refuse_missing_library(self.context, self._systemd)

    def _key_value(self) -> None:
        if self.context.spec.install_key_value_backend:
            return
        self._warnings += check_key_value(self.context, self._check_key_value)
        self._found.append(f"{self.context.spec.driver} answers")

    def _under_way(self) -> None:
        """Octavia needn't be idle yet: the step await-idle-octavia waits."""
        try:
            found = pending(self.context)
        except (PermanentError, TransientError) as exc:
            why = f"A roll-out won't see which load balancers are in work: {exc}"
            self._warnings.append(why)
            return
        if found:
            self._found.append(f"load balancers in PENDING: {len(found)}")

    def _database_server(self) -> None:
        if self.context.spec.persistence.is_sqlite:
            self._found.append("SQLite: no database server")
            return
        with admin(self.context) as session:
            server = session.server()
            protection = tls.meaning(self.context.host.admin.query).words
            self._found.append(f"{server.text} on {session.place}{protection}")
            self._version(server)
            self._privileges(session)
            self._server_state(session)
            self._judge_clock(fitness.clock_offset(session), session.place)
            # An earlier run may have made the database.
            database = database_name(self.context.spec)
            files = config_sources.files(self.context.host)
            self._warnings += fitness.traps(session, database, files)

    def _persistence_url(self) -> None:
        refuse_unusable_url(self.context)

    def _version(self, server: Server) -> None:
        oldest = OLDEST[server.flavour]
        if server.version < oldest:
            self._problems.append(
                f"{server.text} is too old: {server.flavour} "
                f"{'.'.join(map(str, oldest))} or later is needed."
            )

    def _privileges(self, session: Session) -> None:
        """Note each privilege that the admin account lacks."""
        database = database_name(self.context.spec)
        held = own_grants(session)
        needed = database_privileges(session)
        lacks = [name for name in needed if not held.holds(name, database)]
        if not held.may_grant(database):
            lacks.append("GRANT OPTION")
        if lacks:
            self._lacks(session, ", ".join(lacks), f"the database {database}")
        if not held.holds_globally("CREATE USER"):
            self._lacks(session, "CREATE USER", "the server (*.*)")
        if not held.holds("SELECT", "mysql"):
            self._lacks(session, "SELECT", "the database mysql, to read accounts")
            return
        closed, doubtful = account_remarks(self.context, session)
        self._problems += closed + unserved_hosts(self.context, session)
        self._warnings += doubtful

    def _lacks(self, session: Session, privileges: str, on: str) -> None:
        user = self.context.host.admin.username
        self._problems.append(
            f"The admin account {user} on {session.place} lacks {privileges} on {on}."
        )

    def _server_state(self, session: Session) -> None:
        reasons = ", ".join(fitness.read_only_variables(session))
        if reasons:
            self._problems.append(
                f"The server {session.place} is read-only ({reasons}): is it a "
                "replica? admin_connection must lead to the server that takes writes."
            )
        if not named_locks.are_permitted(session):
            self._warnings.append(
                f"{session.place} refuses named locks (so does Percona XtraDB Cluster "
                "in strict mode): 'amphv2-bootstrap run' must not upgrade the schema "
                "on two controllers at once. Conductors don't."
            )
        nodes = session.rows("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_size'")
        if nodes and str(nodes[0][1]).isdigit() and int(nodes[0][1]) > 1:
            self._warnings.append(
                f"{session.place} is one of {nodes[0][1]} Galera nodes. A named lock "
                "holds on one node only: persistence_connection should lead all "
                "controllers to the same node at any time, and 'amphv2-bootstrap run' "
                "must not upgrade the schema on two of them at once."
            )

    def _judge_clock(self, offset: float, place: str) -> None:
        way = "ahead of" if offset > 0 else "behind"
        text = (
            f"The clock of {place} is {abs(offset):.1f} s {way} that of "
            f"{self.context.host.name}: set both by NTP."
        )
        if abs(offset) > CLOCK_ERROR_SECONDS:
            self._problems.append(text)
        elif abs(offset) > CLOCK_WARNING_SECONDS:
            self._warnings.append(text)
