# SPDX-License-Identifier: Apache-2.0
"""A job in the scratch namespace, posted as Octavia posts its own."""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import importlib
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import scratch as scratches
from .reporting import AlreadyReportedError, BrokenLinkError, cleaning

if TYPE_CHECKING:
    from .reporting import Report
    from .scratch import Scratch


class ScratchJob:
    """A job with its logbook and flow."""

    def __init__(self, persistence: Any, board: Any, scratch: Scratch) -> None:
        self.persistence = persistence
        self.board = board
        self.job: Any = None
        self._scratch = scratch
        self._flow = str(uuid.uuid4())
        self._is_written = False
        self.name = f"{scratch.label}-{self._flow}"
        models: Any = importlib.import_module("taskflow.persistence.models")
        self.book = models.LogBook(self.name)

    def post(self, factory: Callable[..., Any], **arguments: Any) -> None:
        """Post as ``run_poster`` of ``octavia.common.base_taskflow`` does."""
        engines: Any = importlib.import_module("taskflow.engines")
        models: Any = importlib.import_module("taskflow.persistence.models")
        flow = models.FlowDetail(self.name, self._flow)
        self.book.add(flow)
        self._is_written = True
        self.persistence.get_connection().save_logbook(self.book)
        engines.save_factory_details(
            flow, factory, (), arguments, backend=self.persistence
        )
        self.job = self.board.post(
            self.name, book=self.book, details={"store": {"token": self._flow}}
        )
        self.expire()

    def expire(self) -> None:
        """See :meth:`Scratch.expire`; call it again after claims."""
        self._scratch.expire(self.board, self.job)

    def flow_detail(self) -> Any:
        """The flow from the database; NotFound if it doesn't exist."""
        return self.persistence.get_connection().get_flow_details(self._flow)

    def remove(self) -> list[str]:
        """Remove everything; return the names of what is left."""
        try:
            left = self._scratch.remove(self.board, self.job)
        finally:
            if self._is_written:
                scratches.destroy_book(self.persistence, self.book.uuid)
        if not self._is_written:
            return left
        return left + scratches.rows_of(self.persistence, self.book.uuid, self._flow)


def find(board: Any, uuid: str) -> Any:
    """The job as a connection of its own sees it."""
    for job in board.iterjobs(ensure_fresh=True):
        if job.uuid == uuid:
            return job
    raise BrokenLinkError("a second connection does not see the job that was posted")


def claim(board: Any, job: Any, who: str, seconds: float) -> None:
    """Claim as Octavia's conductors do: ZooKeeper's claims end with the session."""
    if type(board).__name__ == "ZookeeperJobBoard":
        board.claim(job, who)
    else:
        board.claim(job, who, expiry=seconds)


@contextlib.contextmanager
def scratch_job(
    report: Report, persistence: Any, board: Any, scratch: Scratch
) -> Iterator[ScratchJob]:
    """A job to post within the block; removes everything of it afterwards.

    An error of the block, or of the removal, is reported first. Then the removal runs
    again, with its own time limit.
    """
    job = ScratchJob(persistence, board, scratch)
    try:
        yield job
        with report.at("cleanup"):
            if job.remove():
                raise BrokenLinkError("not everything of the job could be removed")
    except BaseException as exc:
        report.broken(report.chain(exc))
        with cleaning(report):
            left = job.remove()
            if left:
                report.say(left=left)
        raise AlreadyReportedError from exc


def remove_orphans(report: Report, job: ScratchJob, scratch: Scratch) -> int:
    """Remove what killed runs left; return the number. An error is only a note."""
    removed = 0
    for remove, source in (
        (scratch.remove_orphans, job.board),
        (scratch.remove_orphaned_books, job.persistence),
    ):
        try:
            removed += remove(source)
        except Exception as exc:  # noqa: BLE001 - libraries raise anything
            text = report.chain(exc)[0]["text"]
            report.say(note=f"could not remove what killed runs left: {text}")
    return removed
