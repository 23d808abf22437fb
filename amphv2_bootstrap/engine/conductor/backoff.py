# SPDX-License-Identifier: Apache-2.0
"""Jobs that a conductor leaves alone for a while."""

import time

LONGEST_PAUSE = 15.0


class Backoff:
    """Until when each job is left alone, on the local monotonic clock.

    A job that this conductor can't carry out is left to others for
    ``refusal_pause`` seconds. One that came to nothing, since a server was away,
    is left for ``first_pause``, then for twice as long each time: a database may
    let it be found and claimed, and refuse every write.
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
        """Leave the job to others; whether this reason is a new one."""
        self._until[uuid] = time.monotonic() + self._refusal_pause
        is_new = self._said.get(uuid) != why
        self._said[uuid] = why
        return is_new

    def back_off(self, uuid: str) -> float:
        """Leave the job for some seconds, which are returned."""
        twice = 2 * self._pauses.get(uuid, 0.0)
        pause = self._pauses[uuid] = min(max(twice, self._first_pause), LONGEST_PAUSE)
        self._until[uuid] = time.monotonic() + pause
        return pause

    def forget(self, uuid: str) -> None:
        """The job went well, or is at rest."""
        for known in (self._until, self._pauses, self._said):
            known.pop(uuid, None)
