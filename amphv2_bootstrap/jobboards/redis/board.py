# SPDX-License-Identifier: Apache-2.0
"""The jobboard in Redis, alone or under Sentinel: taskflow's, made safe to resume.

Keys are taskflow's: the hash ``NAMESPACE:listings`` and ``NAMESPACE:UUID.owned``
with a time to live. Every change is one Lua script, so one atomic step.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from oslo_utils import timeutils
from redis import exceptions as redis_errors
from redis.backoff import NoBackoff
from redis.retry import Retry
from taskflow import exceptions as taskflow_errors
from taskflow.jobs.backends import impl_redis

from amphv2_bootstrap.engine.board import Board, Entry, NewEntry
from amphv2_bootstrap.engine.bounded import check_length, checked
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.jobboards import board_errors
from amphv2_bootstrap.jobboards.change_notifier import ChangeNotifier, Listener
from amphv2_bootstrap.jobboards.codec import Listing, read_listing, write_listing
from amphv2_bootstrap.jobboards.redis import durability
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.spec.secret import Secret
from amphv2_bootstrap.spec.task_flow_group import uses_tls

_GONE, _HELD_BY_OTHER, _DONE = -1, 0, 1
_POLL_SECONDS = 0.5
_FRESH_SECONDS = 30.0

# An account without rights on channels may still use the board: a refused PUBLISH is
# ignored, and others see the change at their next poll.
_SCRIPTS = {
    "ours.post": """
local added = redis.call('hsetnx', KEYS[1], ARGV[1], ARGV[2])
if added == 1 then redis.pcall('publish', ARGV[3], 'posted') end
return added
""",
    "ours.claim": """
if redis.call('hexists', KEYS[2], ARGV[1]) == 0 then return -1 end
if not redis.call('set', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then return 0 end
redis.call('set', KEYS[3], ARGV[4])
return 1
""",
    "ours.renew": """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])
""",
    "ours.release": """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
redis.pcall('publish', ARGV[2], 'released')
return 1
""",
    "ours.remove": """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('hdel', KEYS[2], ARGV[2])
redis.call('del', KEYS[1], KEYS[3])
redis.pcall('publish', ARGV[3], 'removed')
return 1
""",
}


def open_board(settings: BoardSettings) -> Board:
    """The board of these settings, not yet connected."""
    return RedisBoard(settings)


class RedisBoard(impl_redis.RedisJobBoard):
    """See :class:`amphv2_bootstrap.engine.board.Board` for the contract."""

    SCRIPT_TEMPLATES = {**impl_redis.RedisJobBoard.SCRIPT_TEMPLATES, **_SCRIPTS}

    def __init__(self, settings: BoardSettings) -> None:
        self._settings = settings
        self._changes = ChangeNotifier()
        self._listener: Listener | None = None
        self._open = False
        super().__init__(settings.namespace, _taskflow_conf(settings))
        self._channel = self.join(f"changes.{settings.redis_db}".encode())

    @classmethod
    def _make_client(cls, conf: dict[str, Any]) -> Any:
        client = super()._make_client(conf)
        # redis-py's own retries take many seconds, and would repeat a claim after
        # its answer was lost; the engine decides when to try again.
        client.set_retry(Retry(NoBackoff(), 0))
        return client

    def connect(self) -> None:
        self._open = True
        with self._asking("connect"):
            self._ensure_connected()

    def close(self) -> None:
        with self._open_close_lock:
            self._open = False
            if self._listener is not None:
                self._listener.stop()
                self._listener = None
            super().close()
        self._changes.notify()

    def post_entry(self, new_entry: NewEntry) -> None:
        fields = write_listing(new_entry, created_on=timeutils.utcnow())
        self._run(
            f"post flow {new_entry.uuid}",
            "ours.post",
            [self.listings_key],
            [new_entry.uuid, self._dumps(fields), self._channel],
        )

    def entries(self) -> Sequence[Entry]:
        """See the contract; costs two round trips."""
        with self._asking("list the entries"):
            self._ensure_connected()
            raw = self._client.hgetall(self.listings_key)
            listings = sorted(
                filter(None, (self._read(*item) for item in raw.items())),
                key=lambda listing: (listing.sequence, listing.uuid),
            )
            jobs = [self._job(listing) for listing in listings]
            owners = self._client.mget([job.owner_key for job in jobs]) if jobs else []
        return [
            Entry(job.uuid, job.name, job.details, owner is not None, job)
            for job, owner in zip(jobs, owners, strict=True)
        ]

    def claim_entry(self, entry: Entry, owner: str, expiry: float) -> None:
        job = entry.handle
        answer = self._run(
            f"claim flow {entry.uuid}",
            "ours.claim",
            [job.owner_key, self.listings_key, job.last_modified_key],
            [job.key, owner, _milliseconds(expiry), self._dumps(timeutils.utcnow())],
        )
        if answer == _GONE:
            raise board_errors.refused(self._settings, entry, "the entry is gone")
        if answer == _HELD_BY_OTHER:
            raise board_errors.refused(self._settings, entry, "it is claimed already")

    def renew(self, entry: Entry, owner: str, expiry: float) -> bool:
        answer = self._run(
            f"renew the claim on flow {entry.uuid}",
            "ours.renew",
            [entry.handle.owner_key],
            [owner, _milliseconds(expiry)],
        )
        return answer == _DONE

    def release(self, entry: Entry, owner: str) -> bool:
        answer = self._run(
            f"release flow {entry.uuid}",
            "ours.release",
            [entry.handle.owner_key],
            [owner, self._channel],
        )
        return answer == _DONE

    def remove(self, entry: Entry, owner: str) -> bool:
        job = entry.handle
        answer = self._run(
            f"remove flow {entry.uuid}",
            "ours.remove",
            [job.owner_key, self.listings_key, job.last_modified_key],
            [owner, job.key, self._channel],
        )
        return answer == _DONE

    def risks(self) -> Sequence[str]:
        """What a fail-over may do to claims, as full sentences."""
        with self._asking("read how Redis replicates"):
            self._ensure_connected()
            replication = self._client.info("replication")
        return tuple(durability.risks(replication, self._settings.place))

    def wait_for_change(self, timeout: float) -> None:
        self._changes.wait(timeout)

    def interrupt(self) -> None:
        self._changes.notify()

    def _run(
        self, attempted: str, script: str, keys: list[Any], args: list[Any]
    ) -> int:
        with self._asking(attempted):
            self._ensure_connected()
            return int(self._get_script(script)(keys=keys, args=args))

    def _ensure_connected(self) -> None:
        with self._open_close_lock:
            if not self._open:
                raise redis_errors.ConnectionError("the board is closed")
            # Once connected, the client's pool reconnects by itself.
            if not self.connected:
                try:
                    super().connect()
                finally:
                    self._open = True  # taskflow closes a board to connect it
            if self._listener is None:
                self._listener = Listener(f"board-{self.name}", self._hear)
                self._listener.start()

    def _hear(self, stopped: threading.Event) -> None:
        """Notify at every announcement; the subscription itself is the first.

        The connection is made anew now and then: a connection to a peer that
        vanished looks just like a quiet one.
        """
        end = time.monotonic() + _FRESH_SECONDS
        with contextlib.closing(self._make_client(self._conf)) as client:
            announcements = client.pubsub()
            with contextlib.closing(announcements):
                announcements.subscribe(self._channel)
                while not stopped.is_set() and time.monotonic() < end:
                    if announcements.get_message(timeout=_POLL_SECONDS):
                        self._changes.notify()

    def _read(self, key: bytes, blob: bytes) -> Listing | None:
        try:
            check_length(blob)
            listing = read_listing(checked(self._loads(blob)))
        except (taskflow_errors.JobFailure, ValueError, RecursionError):
            return None
        return listing if listing and listing.uuid.encode() == key else None

    def _job(self, listing: Listing) -> Any:
        return impl_redis.RedisJob(
            self,
            listing.name,
            listing.sequence,
            listing.uuid.encode(),
            uuid=listing.uuid,
            details=dict(listing.details),
            created_on=listing.created_on,
            book_data=listing.book,
        )

    @contextlib.contextmanager
    def _asking(self, attempted: str) -> Iterator[None]:
        try:
            yield
        except taskflow_errors.IncompatibleVersion as error:
            raise PermanentError(
                attempted, on=self._settings.place, why=str(error), todo="Upgrade Redis"
            ) from error
        except (taskflow_errors.TaskFlowException, redis_errors.RedisError) as error:
            cause = error.__cause__ or error
            raise board_errors.unavailable(self._settings, attempted, cause) from error


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))


def _taskflow_conf(settings: BoardSettings) -> dict[str, Any]:
    """The configuration from which taskflow makes its client."""
    conf: dict[str, Any] = {
        "host": settings.hosts[0],
        "port": settings.port,
        "db": settings.redis_db,
        "namespace": settings.namespace,
        "socket_timeout": settings.call_seconds,
        "socket_connect_timeout": settings.call_seconds,
        **_account(settings.username, settings.password),
        **_present(settings.redis_ssl),
    }
    if settings.redis_sentinel:
        conf["sentinel"] = settings.redis_sentinel
        conf["sentinel_fallbacks"] = list(settings.servers[1:])
        conf["sentinel_kwargs"] = _sentinel_kwargs(settings)
    return conf


def _sentinel_kwargs(settings: BoardSettings) -> dict[str, Any]:
    options: dict[str, Any] = _present(settings.redis_sentinel_ssl)
    options["ssl"] = uses_tls(options)
    return {
        "socket_timeout": settings.call_seconds,
        "socket_connect_timeout": settings.call_seconds,
        "retry": Retry(NoBackoff(), 0),
        **_account(settings.redis_sentinel_username, settings.redis_sentinel_password),
        **options,
    }


def _account(username: str | None, password: Secret | None) -> dict[str, str]:
    account = {"username": username} if username else {}
    return account | ({"password": password.reveal()} if password else {})


def _present(options: Mapping[str, str]) -> dict[str, str]:
    # taskflow would turn an unset file name into the text 'None'.
    return {name: value for name, value in options.items() if value}
