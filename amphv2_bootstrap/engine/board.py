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
    """Another owner holds the claim, or the entry is gone."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A flow run as it goes onto a board.

    ``uuid`` and ``sequence`` (a positive number, unique in the engine's
    database, and above those of an earlier one) identify it: posting the same twice
    leaves one entry. ``details`` is small, JSON-ready and holds no secret.
    """

    uuid: str
    sequence: int
    name: str
    details: Mapping[str, Any] = field(default_factory=dict)
    book_uuid: str = ""
    book_name: str = ""


def entry_of(run: FlowRun) -> NewEntry:
    """The entry of a flow run; safe to post again at any time."""
    name = run.name
    return NewEntry(
        uuid=run.uuid,
        sequence=run.sequence,
        name=name,
        details={
            "flow": run.flow,
            "flow_detail_uuid": run.flow_detail_uuid,
            "host": run.host,
            "job": run.job_uuid,
            "shape": run.shape,
        },
        book_uuid=run.book_uuid,
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
        """Job, flow and host, as in every log line; known from the board alone."""
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
        """Put the entry on the board; one that is there already stays as it is."""

    def entries(self) -> Sequence[Entry]:
        """All entries, oldest first.

        Costs a bounded number of round trips, however many entries there are.
        What isn't an entry of this engine is skipped, and stays where it is.
        """

    def claim_entry(self, entry: Entry, owner: str, expiry: float) -> None:
        """Claim for ``expiry`` seconds.

        :raises ClaimRefusedError: another owner holds the claim, or the entry is gone.
        """

    def renew(self, entry: Entry, owner: str, expiry: float) -> bool:
        """Make the claim last ``expiry`` seconds from now.

        False, with nothing changed, when ``owner`` doesn't hold it (any more).
        """

    def release(self, entry: Entry, owner: str) -> bool:
        """Give up the claim; False when ``owner`` doesn't hold it."""

    def remove(self, entry: Entry, owner: str) -> bool:
        """Take the entry off the board; False when ``owner`` doesn't hold it."""

    def wait_for_change(self, timeout: float) -> None:
        """Return when something may have changed, or after ``timeout`` seconds."""

    def interrupt(self) -> None:
        """Wake a :meth:`wait_for_change` that runs in another thread."""
