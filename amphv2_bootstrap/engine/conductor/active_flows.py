# SPDX-License-Identifier: Apache-2.0
"""The flows that a conductor is carrying out."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from amphv2_bootstrap.engine.board import Entry
from amphv2_bootstrap.engine.lease import Lease


@dataclass(slots=True)
class Held:
    """One of them; ``epoch`` is 0 until the database has made the flow ours."""

    entry: Entry
    lease: Lease
    epoch: int = 0


class ActiveFlows:
    """The held flows by their ids; safe to share between threads."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()

    def __contains__(self, uuid: str) -> bool:
        return uuid in self._held

    def __len__(self) -> int:
        return len(self._held)

    def add(self, entry: Entry, lease: Lease) -> None:
        with self._lock:
            self._held[entry.uuid] = Held(entry, lease)

    def took(self, uuid: str, epoch: int) -> None:
        """Note that the database has made the flow ours, under this epoch."""
        with self._lock:
            self._held[uuid].epoch = epoch

    def discard(self, uuid: str) -> None:
        with self._lock:
            self._held.pop(uuid, None)

    def all(self) -> list[Held]:
        with self._lock:
            return list(self._held.values())

    def interrupt(self) -> None:
        """Tell every step to stop; returns at once."""
        for held in self.all():
            held.lease.cancelled.set()

    def lose_superseded(self, epochs: Mapping[str, int]) -> None:
        """Stop the flows that have a newer epoch in the database.

        :param epochs: the flows' epochs in the database, by the flows' ids.
        """
        for held in self.all():
            current = epochs.get(held.entry.uuid, 0)
            if held.epoch and current > held.epoch:
                held.lease.lose(
                    f"its epoch is {current}, ours was {held.epoch}: it was "
                    "cancelled, or another conductor has taken it"
                )
