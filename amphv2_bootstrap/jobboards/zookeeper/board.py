# SPDX-License-Identifier: Apache-2.0
"""The jobboard in ZooKeeper: taskflow's, made safe to resume.

Nodes are taskflow's: ``/NAMESPACE/jobN`` with the entry, ``jobN.lock`` while it is
claimed; the lock is ephemeral, so it goes with its session. Each claim also
raises the version of the entry's node, and every change of a claim checks that
version: a fresh lock always has version 0, so its own version proves nothing.
"""

import contextlib
import json
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kazoo import exceptions as kazoo_errors
from taskflow.jobs.backends import impl_zookeeper

from amphv2_bootstrap.engine.board import Board, BoardUnavailableError, Entry, NewEntry
from amphv2_bootstrap.engine.bounded import read_json
from amphv2_bootstrap.jobboards import board_errors
from amphv2_bootstrap.jobboards.codec import Listing, read_listing, write_listing
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.jobboards.zookeeper.claim_timer import ClaimTimer
from amphv2_bootstrap.jobboards.zookeeper.session import SessionBoard

_NAME = re.compile(r"job(\d{10,})")
_LOST_RACE = (
    kazoo_errors.NoNodeError,
    kazoo_errors.NodeExistsError,
    kazoo_errors.BadVersionError,
)
# The results of a transaction's other operations after one of them failed.
_NOT_DONE = (kazoo_errors.RolledBackError, kazoo_errors.RuntimeInconsistency)


@dataclass(frozen=True, slots=True)
class _Lock:
    """A claim as ZooKeeper holds it; ``token`` is unique to the claim."""

    owner: str
    token: str
    session: int


def open_board(settings: BoardSettings) -> Board:
    """The board of these settings, not yet connected."""
    return ZookeeperBoard(settings)


class ZookeeperBoard(SessionBoard):
    """See :class:`amphv2_bootstrap.engine.board.Board` for the contract.

    ZooKeeper keeps a claim while its session lives, and the client keeps the
    session alive whatever the engine does. So this board itself gives up claims
    that its caller doesn't renew. A process that died or hangs loses its session,
    and with it all claims, after ``settings.expiry`` seconds.
    """

    def __init__(self, settings: BoardSettings) -> None:
        super().__init__(settings)
        self._timer = ClaimTimer(self._give_up)
        self._known: dict[str, Listing] = {}
        self._watched = False

    def close(self) -> None:
        super().close()
        self._timer.close()

    def post_entry(self, new_entry: NewEntry) -> None:
        path = f"{self.path}/{self.JOB_PREFIX}{new_entry.sequence:010d}"
        blob = json.dumps(write_listing(new_entry)).encode()
        with self._asking(f"post flow {new_entry.uuid}"):
            try:
                self._answer(self._client.create_async(path, blob, makepath=True))
            except kazoo_errors.NodeExistsError:
                listing = _read_job(self._get(path)[0], new_entry.sequence)
                if listing is None or listing.uuid != new_entry.uuid:
                    raise board_errors.occupied(
                        self._settings, new_entry, path
                    ) from None

    def entries(self) -> Sequence[Entry]:
        """See the contract; costs one round trip, and one for entries not yet seen."""
        with self._asking("list the entries"):
            names = self._watch()
            known = self._known = self._listings(filter(_NAME.fullmatch, names))
        oldest_first = sorted(known, key=lambda name: known[name].sequence)
        return [
            self._entry(known[name], name, name + self.LOCK_POSTFIX in names)
            for name in oldest_first
        ]

    def claim_entry(self, entry: Entry, owner: str, expiry: float) -> None:
        job, token = entry.handle, uuid.uuid4().hex
        lock = json.dumps({"owner": owner, "claim": token}).encode()
        with self._asking(f"claim flow {entry.uuid}"):
            blob, version = self._unclaimed(entry)
            change = self._client.transaction()
            change.set_data(job.path, blob, version=version)
            change.create(job.lock_path, lock, ephemeral=True)
            # Started before the claim is made: if its answer gets lost, nobody
            # knows of the claim, and the session would keep it for ever.
            self._timer.start(token, job.lock_path, expiry)
            try:
                won = self._commit(change)
            except BaseException:
                self._timer.expire(token)
                raise
        if not won:
            self._timer.forget(token)
            raise board_errors.refused(self._settings, entry, "it is claimed already")

    def renew(self, entry: Entry, owner: str, expiry: float) -> bool:
        with self._asking(f"renew the claim on flow {entry.uuid}"):
            try:
                lock = _read_lock(*self._get(entry.handle.lock_path))
            except kazoo_errors.NoNodeError:
                return False
            session, _ = self._client.client_id or (None, None)
        if lock is None or (lock.owner, lock.session) != (owner, session):
            return False
        return self._timer.prolong(lock.token, expiry)

    def release(self, entry: Entry, owner: str) -> bool:
        with self._asking(f"release flow {entry.uuid}"):
            return self._end_claim(entry.handle.path, lambda lock: lock.owner == owner)

    def remove(self, entry: Entry, owner: str) -> bool:
        with self._asking(f"remove flow {entry.uuid}"):
            return self._end_claim(
                entry.handle.path, lambda lock: lock.owner == owner, with_entry=True
            )

    def wait_for_change(self, timeout: float) -> None:
        if not self._watched and self._client.connected:
            with contextlib.suppress(BoardUnavailableError), self._asking("watch"):
                self._watch()
        self._changes.wait(timeout)

    def interrupt(self) -> None:
        self._changes.notify()

    def _fetch_jobs(self, ensure_fresh: bool = False) -> Any:
        # taskflow's own listing would rely on its own watch, which isn't set.
        return super()._fetch_jobs(ensure_fresh=True)

    def _watch(self) -> set[str]:
        """The names on the board; their next change notifies the waiters."""
        self._watched = True
        try:
            try:
                children = self._children()
            except kazoo_errors.NoNodeError:
                self._answer(self._client.ensure_path_async(self.path))
                children = self._children()
        except BaseException:
            self._watched = False
            raise
        return set(children)

    def _children(self) -> list[str]:
        request = self._client.get_children_async(self.path, watch=self._on_change)
        return list(self._answer(request))

    def _on_change(self, _: object) -> None:
        self._watched = False
        self._changes.notify()

    def _listings(self, names: Iterable[str]) -> dict[str, Listing]:
        """The entries among these nodes; reads only those not yet known."""
        known = {name: self._known.get(name) for name in names}
        asked = [
            (name, self._client.get_async(f"{self.path}/{name}"))
            for name, listing in known.items()
            if listing is None
        ]
        for name, request in asked:
            with contextlib.suppress(kazoo_errors.NoNodeError):
                blob, _ = self._answer(request)
                known[name] = _read_job(blob, int(name[len(self.JOB_PREFIX) :]))
        return {name: listing for name, listing in known.items() if listing}

    def _entry(self, listing: Listing, name: str, claimed: bool) -> Entry:
        job = impl_zookeeper.ZookeeperJob(
            self,
            listing.name,
            self._client,
            f"{self.path}/{name}",
            uuid=listing.uuid,
            details=dict(listing.details),
            book_data=listing.book,
        )
        return Entry(job.uuid, job.name, job.details, claimed, job)

    def _unclaimed(self, entry: Entry) -> tuple[bytes, int]:
        """Data and version of the node, if it still holds ``entry``."""
        try:
            blob, stat = self._get(entry.handle.path)
        except kazoo_errors.NoNodeError:
            raise board_errors.refused(
                self._settings, entry, "the entry is gone"
            ) from None
        listing = _read_job(blob, entry.handle.sequence)
        if listing is None or listing.uuid != entry.uuid:
            self._known.pop(entry.handle.path.rpartition("/")[2], None)
            raise board_errors.refused(self._settings, entry, "another took its place")
        return blob, stat.version

    def _end_claim(
        self, path: str, is_meant: Callable[[_Lock], bool], *, with_entry: bool = False
    ) -> bool:
        """End the claim on ``path`` if ``is_meant`` accepts it."""
        requests = [
            self._client.get_async(node) for node in (path, path + self.LOCK_POSTFIX)
        ]
        try:
            (_, job), (blob, stat) = (self._answer(request) for request in requests)
        except kazoo_errors.NoNodeError:
            return False
        lock = _read_lock(blob, stat)
        if lock is None or not is_meant(lock):
            return False
        change = self._client.transaction()
        change.delete(path + self.LOCK_POSTFIX)
        (change.delete if with_entry else change.check)(path, version=job.version)
        done = self._commit(change)
        if done:
            self._timer.forget(lock.token)
        return done

    def _give_up(self, lock_path: str, token: str) -> None:
        path = lock_path.removesuffix(self.LOCK_POSTFIX)
        with self._asking(f"give up the claim on {path}"):
            self._end_claim(path, lambda lock: lock.token == token)

    def _commit(self, change: Any) -> bool:
        """False, with nothing changed, where another client was faster."""
        for result in self._answer(change.commit_async()):
            if isinstance(result, _LOST_RACE):
                return False
            if isinstance(result, Exception) and not isinstance(result, _NOT_DONE):
                raise result
        return True

    def _get(self, path: str) -> Any:
        return self._answer(self._client.get_async(path))


def _read_job(blob: bytes, sequence: int) -> Listing | None:
    try:
        return read_listing(read_json(blob), sequence=sequence)
    except ValueError:
        return None


def _read_lock(blob: bytes, stat: Any) -> _Lock | None:
    try:
        fields = read_json(blob)
        return _Lock(fields["owner"], fields.get("claim", ""), stat.ephemeralOwner)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
