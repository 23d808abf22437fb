# SPDX-License-Identifier: Apache-2.0
"""Loads Octavia's configuration and drivers as its worker does."""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import gc
import importlib
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .answering import revisions
from .options import (
    ALONE,
    GROUP,
    arguments,
    unparsable,
    without_remote_sources,
)
from .reporting import BrokenLinkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .reporting import Report

MODULES = {
    "redis": ("taskflow.jobs.backends.impl_redis",),
    # Octavia makes ZooKeeper's client by kazoo_utils.
    "zookeeper": (
        "taskflow.jobs.backends.impl_zookeeper",
        "taskflow.utils.kazoo_utils",
    ),
    "etcd": ("taskflow.jobs.backends.impl_etcd",),
}
"""What Octavia imports of taskflow for each driver."""


LOOK = ("octavia.common.config",)
_SLOW = (
    *LOOK,
    "octavia.controller.worker.v2.taskflow_jobboard_driver",
    "taskflow.persistence.backends.impl_sqlalchemy",
    "taskflow.engines",
    "taskflow.patterns.linear_flow",
    "stevedore.driver",
    "pymysql",
)
"""What takes most of the time to import of all that a look, or a job, needs."""

# taskflow passes what is in these options on to redis-py's clients.
_REDIS_OPTIONS = "jobboard_redis_backend_ssl_options"
_REDIS_SECONDS = 3.0
_SENTINEL_OPTIONS = "jobboard_redis_sentinel_ssl_options"
_SENTINEL_SECONDS = 2.0


def prepare(modules: Iterable[str] = _SLOW) -> None:
    """Import the modules, for this process and for all that it forks.

    An error is none yet: the link that needs the module names it.
    """
    # Nothing here uses eventlet, which would import a whole resolver for its own.
    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
    gc.disable()
    for module in modules:
        with contextlib.suppress(Exception):  # a broken library raises anything
            importlib.import_module(module)
    gc.freeze()
    gc.enable()
    with contextlib.suppress(Exception):
        # Its idle threads look that often whether they may end, and taskflow waits for
        # them: at the end of a flow, and of ZooKeeper's board. It would be 1 s.
        threads: Any = importlib.import_module("futurist._thread")
        threads.ThreadWorker.MAX_IDLE_FOR = 0.02


def configuration(sources: list[str], report: Report) -> Any:
    """Load the sources into Octavia's CONF; a later source overrides.

    An unreachable database fails at once, not after minutes. A silent Sentinel costs
    each connection seconds, not a minute, and a silent Redis fails.
    """
    config = importlib.import_module("octavia.common.config")
    cfg: Any = importlib.import_module("oslo_config.cfg")
    conf = cfg.CONF
    without_remote_sources(cfg.CONF)
    try:
        config.init(arguments(sources), **ALONE)
    except cfg.ConfigFileParseError as exc:
        raise BrokenLinkError(unparsable(exc, sources)) from None
    for option in config.task_flow_opts:
        _read(conf, option, cfg, report)
    conf.set_override("max_retries", 1, group="database")
    if driver_name(conf) == "redis":
        _wait_briefly(conf, _REDIS_OPTIONS, _REDIS_SECONDS)
        _wait_briefly(conf, _SENTINEL_OPTIONS, _SENTINEL_SECONDS, _retry_nothing())
    return conf


def _wait_briefly(
    conf: Any, name: str, seconds: float, more: Mapping[str, Any] | None = None
) -> None:
    """Bound what redis-py would wait for without end, unless the options do so."""
    options = getattr(conf[GROUP], name, None)
    if options is None:  # an older Octavia
        return
    limits = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), seconds)
    conf.set_override(name, {**limits, **(more or {}), **options}, group=GROUP)


def _retry_nothing() -> dict[str, Any]:
    """redis-py would try a Sentinel several times before it asks the next one."""
    with contextlib.suppress(ImportError):  # redis-py 3 never tries again
        retry: Any = importlib.import_module("redis.retry")
        backoff: Any = importlib.import_module("redis.backoff")
        return {"retry": retry.Retry(backoff.NoBackoff(), 0)}
    return {}


def _read(conf: Any, option: Any, cfg: Any, report: Report) -> None:
    hidden = option.secret or isinstance(option, cfg.DictOpt)
    try:
        value = getattr(conf[GROUP], option.dest)
    except (cfg.Error, ValueError) as exc:
        why = type(exc).__name__ if hidden else str(exc)
        raise BrokenLinkError(f"[{GROUP}] {option.dest} is invalid: {why}") from None
    if isinstance(value, dict):
        value = value.get("keyfile_password")
        hidden = True
    if hidden and value:
        report.say(secrets=[str(value)])


def driver_name(conf: Any) -> str:
    """``redis``, ``zookeeper`` or ``etcd``."""
    return str(conf[GROUP].jobboard_backend_driver).split("_")[0]


def persistence_driver() -> Any:
    """Octavia's own driver of its persistence database."""
    module: Any = importlib.import_module(
        "octavia.controller.worker.v2.taskflow_jobboard_driver"
    )
    return module.MysqlPersistenceDriver()


def refuse_file(conf: Any) -> None:
    """Refuse SQLite, before anything opens it: it makes any file that is named.

    This may be root, and the configuration of Octavia's user.
    """
    if conf[GROUP].persistence_connection.startswith("sqlite:///"):
        raise BrokenLinkError(
            "persistence_connection is a file, which no other controller has"
        )


def jobboard_driver(conf: Any, persistence: Any) -> Any:
    """Octavia's own driver of its jobboard, loaded as its worker does."""
    # stevedore would only log that a library is missing.
    for module in MODULES[driver_name(conf)]:
        importlib.import_module(module)
    stevedore: Any = importlib.import_module("stevedore.driver")
    return stevedore.DriverManager(
        namespace="octavia.worker.jobboard_driver",
        name=conf[GROUP].jobboard_backend_driver,
        invoke_args=(persistence,),
        invoke_on_load=True,
    ).driver


def check_schema(engine: Any, report: Report) -> str:
    """The revision of the tables; an error if taskflow lacks a table or a column.

    A note if a newer taskflow has upgraded them.
    """
    sqlalchemy: Any = importlib.import_module("sqlalchemy")
    tables: Any = importlib.import_module(
        "taskflow.persistence.backends.sqlalchemy.tables"
    )
    inspector = sqlalchemy.inspect(engine)
    there = set(inspector.get_table_names())
    lacking = []
    for table in tables.fetch(sqlalchemy.MetaData()):
        if table.name not in there:
            lacking.append(f"the table {table.name}")
            continue
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        lacking += [
            f"the column {table.name}.{column.name}"
            for column in table.columns
            if column.name not in columns
        ]
    if lacking:
        raise BrokenLinkError(f"{', '.join(lacking)} is missing")
    return _check_revision(engine, sqlalchemy, "alembic_version" in there, report)


def _check_revision(
    engine: Any, sqlalchemy: Any, has_table: bool, report: Report
) -> str:
    if not has_table:
        raise BrokenLinkError("the table alembic_version is missing")
    with engine.connect() as connection:
        query = sqlalchemy.text("SELECT version_num FROM alembic_version")
        found = sorted(str(row[0]) for row in connection.execute(query))
    known = revisions()
    if not known:  # so does Debian package it: the columns were compared
        return ", ".join(found)
    if len(found) == 1 and found[0] not in known:
        report.say(
            note=f"The schema is at revision {found[0]}, which this controller's "
            "taskflow doesn't know: upgrade Octavia here."
        )
        return found[0]
    head = known[-1]
    if found != [head]:
        raise BrokenLinkError(
            f"the schema is at revision {', '.join(found) or 'none'}; Octavia's "
            f"taskflow wants {head}"
        )
    return head
