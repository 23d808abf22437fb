# SPDX-License-Identifier: Apache-2.0
"""Runs what makes the tables: octavia-db-manage, or this program's own migrations."""

import shlex

from amphv2_bootstrap.adapters.octavia import db_manage
from amphv2_bootstrap.adapters.octavia.db_manage import Completed
from amphv2_bootstrap.adapters.schema.wanted_chain import WantedChain
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.steps.base import Change, Context, Kind

_COMMAND = "upgrade_persistence"


def change(context: Context, wanted: WantedChain) -> Change:
    """The run, as ``plan`` shows it."""
    text = shlex.join((*context.host.db_manage_command, _COMMAND))
    if wanted.without_migrations:
        text = f"this program's own migrations, up to {wanted.head}"
    return Change(Kind.COMMAND, context.host.name, text)


def upgrade(context: Context, wanted: WantedChain, lock: str | None) -> Completed:
    """Up to the head; by our own migrations where Octavia's taskflow has none.

    :param lock: see :func:`.db_manage.guarded`.
    """
    seconds = max(1, int(context.host.db_manage_timeout * 0.8))
    if not wanted.without_migrations:
        guarded = db_manage.guarded(context.spec.persistence, lock, seconds)
        return by_octavia(context, guarded)
    spec = context.host.on_host(context.spec)
    return db_manage.run_own_migrations(
        db_manage.guarded(spec.persistence, lock, seconds),
        context.secrets.text("persistence_password"),
        wanted.head,
        timeout=context.host.db_manage_timeout,
        masker=context.secrets.masker,
        cancelled=context.cancelled,
    )


def by_octavia(context: Context, url: DatabaseUrl) -> Completed:
    """By octavia-db-manage, in the database of ``url``."""
    return db_manage.upgrade_persistence(
        context.host,
        url,
        context.secrets.text("persistence_password"),
        masker=context.secrets.masker,
        cancelled=context.cancelled,
    )
