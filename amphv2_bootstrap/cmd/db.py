# SPDX-License-Identifier: Apache-2.0
"""``db upgrade``: the engine's own tables."""

import argparse

from cliff.command import Command

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import as_written


class UpgradeDatabase(Guarded, Command):
    """Make or upgrade the engine's own tables; safe to repeat at any time.

    Needed once before the first post, and after each upgrade of the package,
    where the engine's database is on a server. With SQLite it is done by itself.

    Examples:
      amphv2-bootstrap db upgrade
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return as_written(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from amphv2_bootstrap.engine.storage import migrate
        from amphv2_bootstrap.engine.storage.database import Database

        loaded = self.runtime().loaded
        database = Database(loaded.engine.persistence_connection.reveal())
        changed = migrate.upgrade(database)
        verb = "upgraded to" if changed else "were already at"
        found = migrate.revision(database)
        print(f"The engine's tables ({database.place}) {verb} {found}.")
