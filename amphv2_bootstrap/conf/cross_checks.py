# SPDX-License-Identifier: Apache-2.0
"""Checks that compare Octavia's settings with the engine's own."""

from amphv2_bootstrap.conf.engine_settings import Own
from amphv2_bootstrap.conf.octavia_settings import Target
from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.task_flow_rules import LOOPBACK


def check_relations(target: Target, own: Own, problems: Problems) -> None:
    """Collect conflicts between the two, and local databases of several hosts."""
    if own.backend.namespace.strip("/") == target.backend.namespace.strip("/"):
        problems.of("task_flow", "jobboard_backend_namespace").add(
            "is the same as Octavia's in [octavia]: Octavia's workers would claim this "
            "program's flows and delete them",
            "Leave it at amphv2_bootstrap, or write another word",
        )
    if target.persistence.database and own.is_same_database(target.persistence):
        problems.of("task_flow", "persistence_connection").add(
            "is the database of Octavia's tasks in [octavia]; the tables of both have "
            "the same names",
            "Name another database",
        )
    if not target.secrets() and not own.url.is_sqlite:
        problems.of("octavia", "persistence_connection").warn(
            "has no password, and no other secret is set: jobs in the engine's "
            "database can't be authenticated",
            "Let [task_flow] persistence_connection be a SQLite file of this host, too",
        )
    for group, url in (("octavia", target.persistence), ("task_flow", own.url)):
        if len(target.controllers) > 1 and _is_local(url):
            problems.of(group, "persistence_connection").warn(
                "is a separate database on each host, but there are several "
                "controllers",
                "Name a server that all of them reach, unless they are one machine",
            )


def _is_local(url: DatabaseUrl) -> bool:
    if url.is_sqlite:
        return bool(url.database)
    return "unix_socket" in url.query or bool(LOOPBACK.fullmatch(url.host or ""))
