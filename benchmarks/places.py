# SPDX-License-Identifier: Apache-2.0
"""The addresses of a jobboard and the engine's database, for several processes."""

import dataclasses
import json
from dataclasses import dataclass

from amphv2_bootstrap.engine.board import Board
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.jobboards.registry import open_board
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.spec.secret import Secret


@dataclass(frozen=True)
class Place:
    """A jobboard, and the engine's database that belongs to it."""

    name: str
    database_url: str
    settings: BoardSettings

    def open_board(self, database: Database) -> Board:
        """The board, not yet connected; the board ``sql`` is in ``database``."""
        settings = dataclasses.replace(self.settings, database=database)
        return open_board(settings)

    def to_json(self) -> str:
        """The input of :meth:`from_json`; it holds the secrets."""
        password = self.settings.password
        board = {
            "driver": self.settings.driver,
            "namespace": self.settings.namespace,
            "port": self.settings.port,
            "password": password.reveal() if password else None,
        }
        return json.dumps([self.name, self.database_url, board])

    @classmethod
    def from_json(cls, text: str) -> "Place":
        """The place that another process wrote."""
        name, url, board = json.loads(text)
        password = board.pop("password")
        secret = Secret(password) if password else None
        return cls(name, url, BoardSettings(**board, password=secret))
