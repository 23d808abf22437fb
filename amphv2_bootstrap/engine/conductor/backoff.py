# SPDX-License-Identifier: Apache-2.0
"""Flows that a conductor leaves alone for a while."""

import time

LONGEST_PAUSE = 5.0
"""After an outage, about as long is lost: less than a fail-over takes (6 to 15 s)."""


class Backoff:
    """Until when each flow is left alone, on the local monotonic clock.

    A flow that this conductor can't carry out is left to others for
    ``refusal_pause`` seconds. A flow that failed because a server was away is left
    for ``first_pause``, then for twice as long each time: a database may let it be
    found and claimed, yet refuse every write.
    """

    def __init__(self, refusal_pause: float, first_pause: float) -> None:
        self._refusal_pause = refusal_pause
        self._first_pause = first_pause
        self._until: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._said: dict[str, str] = {}

    def __contains__(self, uuid: str) -> bool:
        return self._until.get(uuid, 0.0) > time.monotonic()

    def refuse(self, uuid: str, why: str) -> bool:
        """Leave the flow to others; True when the reason is a new one."""
        self._until[uuid] = time.monotonic() + self._refusal_pause
        is_new = self._said.get(uuid) != why
        self._said[uuid] = why
        return is_new

    def back_off(self, uuid: str) -> float:
        """Leave the flow alone for the returned number of seconds."""
        twice = 2 * self._pauses.get(uuid, 0.0)
        pause = self._pauses[uuid] = min(max(twice, self._first_pause), LONGEST_PAUSE)
        self._until[uuid] = time.monotonic() + pause
        return pause

    def forget(self, uuid: str) -> None:
        """Forget the pauses of a flow that was carried out."""
        for known in (self._until, self._pauses, self._said):
            known.pop(uuid, None)
