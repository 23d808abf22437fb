# SPDX-License-Identifier: Apache-2.0
"""What the engine asks of a jobboard; the backends are in ``jobboards``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from amphv2_bootstrap.engine.records import FlowRun, described
from amphv2_bootstrap.errors import TransientError


class BoardUnavailableError(TransientError):
    """The jobboard can't be reached or doesn't answer; try again later."""


class ClaimRefusedError(TransientError):
    """Somebody else holds the claim, or the entry is gone."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A flow run as it goes onto a board.

    ``uuid`` and ``sequence`` (a positive number, unique in the engine's
    database) identify it: posting the same twice leaves one entry. ``details``
    is small, JSON-ready and holds no secret.
    """

    uuid: str
    sequence: int
    name: str
    details: Mapping[str, Any] = field(default_factory=dict)
    book_uuid: str = ""
    book_name: str = ""


def entry_of(flow_run: FlowRun) -> NewEntry:
    """The entry of a flow run; safe to post again at any time."""
    name = flow_run.name
    return NewEntry(
        uuid=flow_run.uuid,
        sequence=flow_run.sequence,
        name=name,
        details={
            "flow": flow_run.flow,
            "flow_detail_uuid": flow_run.flow_detail_uuid,
            "host": flow_run.host,
            "job": flow_run.job_uuid,
            "shape": flow_run.shape,
        },
        book_uuid=flow_run.book_uuid,
        book_name=name,
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """A flow run as it was found on a board. ``handle`` is the backend's own object."""

    uuid: str
    name: str
    details: Mapping[str, Any]
    claimed: bool
    handle: Any

    def __str__(self) -> str:
        """As every log line names it; from the board alone."""
        details = self.details
        flow, host = details.get("flow", self.name), details.get("host")
        return described(str(details.get("job", "?")), str(flow), host)


class Board(Protocol):
    """A jobboard, as the engine uses it.

    Every method raises :class:`BoardUnavailableError` when the backend doesn't
    answer, and may then be called again: a board reconnects by itself.
    ``owner`` is a name that is unique to one start of one conductor.
    """

    def connect(self) -> None:
        """Open the connection; safe to call when it is open."""

    def close(self) -> None:
        """Close the connection; safe to call when it is closed."""

    def post_entry(self, new_entry: NewEntry) -> None:
        """Put it on the board; an entry that is there already stays as it is."""

    def entries(self) -> Sequence[Entry]:
        """All jobs on the board, oldest first.

        Costs a bounded number of round trips, however many jobs there are.
        What isn't a job of ours is passed over, and left where it is.
        """

    def claim_entry(self, entry: Entry, owner: str, expiry: float) -> None:
        """Claim for ``expiry`` seconds.

        :raises ClaimRefusedError: claimed by another, or gone.
        """

    def renew(self, entry: Entry, owner: str, expiry: float) -> bool:
        """Make the claim last ``expiry`` seconds from now.

        False when ``owner`` doesn't hold it (any more); then nothing changed.
        """

    def release(self, entry: Entry, owner: str) -> bool:
        """Give the claim back; False when ``owner`` doesn't hold it."""

    def remove(self, entry: Entry, owner: str) -> bool:
        """Take the job off the board; False when ``owner`` doesn't hold it."""

    def wait_for_change(self, timeout: float) -> None:
        """Return when something may have changed, or after ``timeout`` seconds."""

    def interrupt(self) -> None:
        """Wake a :meth:`wait_for_change` that runs in another thread."""
