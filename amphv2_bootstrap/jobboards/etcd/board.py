# SPDX-License-Identifier: Apache-2.0
"""The jobboard in etcd: taskflow's, made safe to resume.

Keys are taskflow's: ``/taskflow/jobs/NAMESPACE/jobN.data`` and, with the lease
of the claim, ``jobN.lock``. Every change is one transaction.
"""

import contextlib
import json
import logging
import math
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import etcd3gw
import requests
from oslo_serialization import jsonutils
from oslo_utils import timeutils
from taskflow.jobs.backends import impl_etcd

from amphv2_bootstrap.engine.board import Board, Entry, NewEntry
from amphv2_bootstrap.engine.bounded import read_json
from amphv2_bootstrap.jobboards import board_errors
from amphv2_bootstrap.jobboards.change_notifier import ChangeNotifier, Listener
from amphv2_bootstrap.jobboards.codec import Listing, read_listing, write_listing
from amphv2_bootstrap.jobboards.etcd import transaction as txn
from amphv2_bootstrap.jobboards.etcd import watch
from amphv2_bootstrap.jobboards.etcd.members import TROUBLE, Members
from amphv2_bootstrap.jobboards.settings import BoardSettings

LOG = logging.getLogger(__name__)

_KEY = re.compile(r"job([1-9]\d*)\.(data|lock)")
_FRESH_SECONDS = 30.0


def open_board(settings: BoardSettings) -> Board:
    """The board of these settings, not yet connected."""
    return EtcdBoard(settings)


@dataclass(frozen=True, slots=True)
class _Lock:
    """A claim as etcd holds it."""

    owner: str
    lease_id: int
    revision: int


class EtcdBoard(impl_etcd.EtcdJobBoard):
    """See :class:`amphv2_bootstrap.engine.board.Board` for the contract.

    A claim lasts as long as its lease, in whole seconds, rounded up; a renewal
    gives it the length that the claim asked for. Claims belong to the cluster: they
    outlive the member through which they were made.
    """

    def __init__(self, settings: BoardSettings) -> None:
        super().__init__(settings.namespace, {"path": settings.namespace})
        self._settings = settings
        self._changes = ChangeNotifier()
        self._listener: Listener | None = None
        self._watch: requests.Response | None = None
        self._open = False

    def connect(self) -> None:
        self._open = True
        with self._asking("connect") as client:
            if self._listener is None:
                # A linearized read: answered only where there is a quorum.
                client.get(self._path(self.SEQUENCE_KEY))

    def close(self) -> None:
        with self._open_close_lock:
            self._open = False
            if self._listener is not None:
                self._listener.stop()
                self._listener = None
            self._cut_watch()
            super().close()
        self._changes.notify()

    def post_entry(self, new_entry: NewEntry) -> None:
        key = self._path(f"{self.JOB_PREFIX}{new_entry.sequence}{self.DATA_POSTFIX}")
        fields = write_listing(new_entry, created_on=timeutils.utcnow())
        with self._asking(f"post flow {new_entry.uuid}") as client:
            added, answers = txn.transact(
                client,
                [txn.absent(key)],
                [txn.put(key, jsonutils.dumps(fields))],
                [txn.values_of(key)],
            )
        if not added and _uuid(answers[0]) != new_entry.uuid:
            raise board_errors.occupied(self._settings, new_entry, key)

    def entries(self) -> Sequence[Entry]:
        """See the contract; costs one round trip."""
        with self._asking("list the entries") as client:
            found = client.get_prefix(self._path(self.JOB_PREFIX))
        listings: list[Listing] = []
        locked: set[int] = set()
        for value, metadata in found:
            name = metadata["key"].decode(errors="replace").rpartition("/")[2]
            match = _KEY.fullmatch(name)
            if match and match[2] == "lock":
                locked.add(int(match[1]))
            elif match:
                listings.extend(_listed(value, int(match[1])))
        listings.sort(key=lambda listing: listing.sequence)
        return [self._entry(each, each.sequence in locked) for each in listings]

    def claim_entry(self, entry: Entry, owner: str, expiry: float) -> None:
        key = entry.handle.key
        with self._asking(f"claim flow {entry.uuid}") as client:
            lease = client.lease(ttl=math.ceil(expiry))
            claim = json.dumps({"owner": owner, "lease_id": lease.id})
            won = False
            try:
                won, answers = txn.transact(
                    client,
                    [
                        txn.present(key + self.DATA_POSTFIX),
                        txn.absent(key + self.LOCK_POSTFIX),
                    ],
                    self._claiming(key, claim, lease.id),
                    [
                        txn.values_of(key + self.DATA_POSTFIX),
                        txn.values_of(key + self.LOCK_POSTFIX),
                    ],
                )
                # Of two attempts, the first may have won without an answer.
                won = won or answers[1:] == [[claim.encode()]]
            finally:
                if not won:
                    _revoke(client, lease.id)
        if not won:
            why = "it is claimed already" if answers[0] else "the entry is gone"
            raise board_errors.refused(self._settings, entry, why)

    def renew(self, entry: Entry, owner: str, expiry: float) -> bool:
        with self._asking(f"renew the claim on flow {entry.uuid}") as client:
            lock = self._lock(client, entry)
            if lock is None or lock.owner != owner:
                return False
            if etcd3gw.Lease(lock.lease_id, client).refresh() <= 0:
                return False
            # The claim may have been lost before the refresh, which then prolonged
            # only our own lease, and that holds nothing any more.
            return self._lock(client, entry) == lock

    def release(self, entry: Entry, owner: str) -> bool:
        with self._asking(f"release flow {entry.uuid}") as client:
            return self._end_claim(client, entry, owner, [])

    def remove(self, entry: Entry, owner: str) -> bool:
        key = entry.handle.key
        doomed = [txn.delete(key + self.DATA_POSTFIX)]
        doomed.append(txn.delete(key + self.LAST_MODIFIED_POSTFIX))
        with self._asking(f"remove flow {entry.uuid}") as client:
            return self._end_claim(client, entry, owner, doomed)

    def wait_for_change(self, timeout: float) -> None:
        self._changes.wait(timeout)

    def interrupt(self) -> None:
        self._changes.notify()

    def _path(self, name: str) -> str:
        return str(self._create_path(self._root_path, name))

    def _claiming(self, key: str, claim: str, lease_id: int) -> list[txn.Operation]:
        touched = jsonutils.dumps({"last_modified": timeutils.utcnow()})
        return [
            txn.put(key + self.LOCK_POSTFIX, claim, lease_id),
            txn.put(key + self.LAST_MODIFIED_POSTFIX, touched),
        ]

    def _lock(self, client: etcd3gw.Etcd3Client, entry: Entry) -> _Lock | None:
        found = client.get(entry.handle.key + self.LOCK_POSTFIX, metadata=True)
        if not found:
            return None
        value, metadata = found[0]
        try:
            fields = read_json(value)
            return _Lock(
                fields["owner"], fields["lease_id"], int(metadata["mod_revision"])
            )
        except (ValueError, KeyError, TypeError):
            return None

    def _end_claim(
        self,
        client: etcd3gw.Etcd3Client,
        entry: Entry,
        owner: str,
        doomed: list[txn.Operation],
    ) -> bool:
        lock = self._lock(client, entry)
        if lock is None or lock.owner != owner:
            return False
        key = entry.handle.key + self.LOCK_POSTFIX
        done, _ = txn.transact(
            client, [txn.unchanged(key, lock.revision)], [txn.delete(key), *doomed], []
        )
        _revoke(client, lock.lease_id)
        return done

    def _entry(self, listing: Listing, claimed: bool) -> Entry:
        job = impl_etcd.EtcdJob(
            self,
            listing.name,
            self._client,
            self._path(f"{self.JOB_PREFIX}{listing.sequence}"),
            uuid=listing.uuid,
            details=dict(listing.details),
            book_data=listing.book,
            sequence=listing.sequence,
        )
        return Entry(job.uuid, job.name, job.details, claimed, job)

    @contextlib.contextmanager
    def _asking(self, attempted: str) -> Iterator[Members]:
        """The client, for one call; its errors become ours."""
        with self._open_close_lock:
            if not self._open:
                raise board_errors.closed(self._settings, attempted)
            client = self._client = self._client or Members(
                self._settings, self._cut_watch
            )
        try:
            yield client
            self._ensure_listening()
        except TROUBLE as error:
            cause = getattr(error, "detail_text", None) or error
            raise board_errors.unavailable(self._settings, attempted, cause) from error

    def _cut_watch(self) -> None:
        if self._watch is not None:
            watch.cut(self._watch)

    def _ensure_listening(self) -> None:
        with self._open_close_lock:
            if self._listener is None and self._open:
                self._listener = Listener(f"board-{self.name}", self._hear)
                self._listener.start()

    def _hear(self, stopped: threading.Event) -> None:
        """Notify at the creation of a watch, and at its every message but of claims.

        After some silence the watch is made anew: a connection to a peer that
        vanished looks just like a quiet one. A member that loses the leader ends it.
        """
        members = self._client
        if members is None:
            return
        client = members.for_stream()
        with client.session, self._stream(members, client) as stream:
            self._watch = stream
            for message in watch.messages(stream.iter_content(chunk_size=None)):
                if stopped.is_set():
                    return
                if watch.is_news(message):
                    self._changes.notify()

    def _stream(
        self, members: Members, client: etcd3gw.Etcd3Client
    ) -> requests.Response:
        """A new watch, when it has begun."""
        prefix = self._path(self.JOB_PREFIX)
        wanted = {"key": txn.encode(prefix), "range_end": txn.encode(prefix[:-1] + "c")}
        try:
            stream = client.session.post(
                client.get_url("/watch"),
                json={"create_request": wanted},
                stream=True,
                timeout=(client.timeout, _FRESH_SECONDS),
            )
            stream.raise_for_status()
        except TROUBLE:
            members.leave(client)
            raise
        return stream


def _listed(value: bytes, number: int) -> list[Listing]:
    try:
        listing = read_listing(read_json(value), sequence=number)
    except ValueError:
        return []
    return [] if listing is None else [listing]


def _uuid(values: Sequence[bytes]) -> str | None:
    listings = [listing for value in values for listing in _listed(value, 0)]
    return listings[0].uuid if listings else None


def _revoke(client: etcd3gw.Etcd3Client, lease_id: int) -> None:
    """End a lease that is not needed; if that fails, it expires."""
    try:
        etcd3gw.Lease(lease_id, client).revoke()
    except TROUBLE as error:
        LOG.debug("lease left to expire: %s", type(error).__name__)
