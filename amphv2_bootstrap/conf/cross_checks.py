# SPDX-License-Identifier: Apache-2.0
"""What must hold between Octavia's settings and the engine's own."""

from amphv2_bootstrap.conf.engine_settings import Own
from amphv2_bootstrap.conf.hosts import is_loopback
from amphv2_bootstrap.conf.octavia_settings import Target
from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.spec.database import DatabaseUrl


def check_relations(target: Target, own: Own, problems: Problems) -> None:
    """Collect conflicts between the two, and what only several hosts make wrong."""
    if own.namespace.strip("/") == target.namespace.strip("/"):
        problems.add(
            "task_flow",
            "jobboard_backend_namespace",
            "is the same as Octavia's in [octavia], whose workers would claim this "
            "program's jobs and throw them away",
            "Leave it at amphv2_bootstrap, or write another word",
        )
    if target.persistence.database and own.is_same_database(target.persistence):
        problems.add(
            "task_flow",
            "persistence_connection",
            "is the database of Octavia's tasks in [octavia], whose tables have the "
            "same names",
            "Name another database",
        )
    if len(target.controllers) > 1:
        _warn_of_loopback(target, own, problems)


def _warn_of_loopback(target: Target, own: Own, problems: Problems) -> None:
    for group, url in (("octavia", target.persistence), ("task_flow", own.url)):
        if _is_local(url):
            problems.warn(
                group,
                "persistence_connection",
                "is a database on each host for itself, but there are several "
                "controllers",
                "Name a server that all of them reach, unless they are one machine",
            )
    for backend in (target.backend, own.backend):
        if any(map(is_loopback, backend.hosts)):
            problems.warn(
                backend.group,
                "jobboard_backend_hosts",
                "names this host as itself, but there are several controllers",
                "Name it as all of them reach it, unless they are one machine",
            )


def _is_local(url: DatabaseUrl) -> bool:
    if url.is_sqlite:
        return bool(url.database)
    return "unix_socket" in url.query or is_loopback(url.host)
