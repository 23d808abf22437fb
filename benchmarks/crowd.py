# SPDX-License-Identifier: Apache-2.0
"""Boards that are full of other conductors' jobs, filled in bulk.

One half is claimed by others, the other half is for other hosts. What is written
is what the boards themselves write, without a round trip for each job.
"""

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import etcd3gw
from kazoo.client import KazooClient

from amphv2_bootstrap.engine.board import Posting
from amphv2_bootstrap.engine.records import JobState
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database, to_json
from amphv2_bootstrap.jobboards.codec import write_listing
from amphv2_bootstrap.jobboards.etcd import transaction as txn
from benchmarks.conductor_program import FLOW
from benchmarks.places import Place

OTHER = "other:1:0:0"
_FOREVER = 3600
_BATCH = 60  # etcd takes 128 operations in one transaction


def is_claimed(posting: Posting) -> bool:
    """Whether another conductor has it; the rest is for another host."""
    return posting.sequence % 2 == 0


def postings(first: int, last: int) -> list[Posting]:
    """The jobs of these numbers."""
    return [
        Posting(
            uuid=str(uuid.UUID(int=number)),
            sequence=number,
            name=FLOW,
            details={
                "flow": FLOW,
                "flow_uuid": str(uuid.UUID(int=number << 32)),
                "host": "other",
                "shape": "0" * 64,
            },
            book_uuid=str(uuid.UUID(int=number << 64)),
            book_name=FLOW,
        )
        for number in range(first, last + 1)
    ]


@contextlib.contextmanager
def crowded(
    place: Place, database: Database
) -> Iterator[Callable[[Sequence[Posting]], None]]:
    """Adds jobs to the board and to the database; the claims last until the end."""
    with _FILLS[place.settings.driver](place, database) as fill:

        def add(jobs: Sequence[Posting]) -> None:
            _record(database, jobs)
            fill(jobs)

        yield add


def _record(database: Database, jobs: Sequence[Posting]) -> None:
    bootstrap = str(uuid.uuid4())
    with database.write() as connection:
        connection.execute(
            schema.bootstraps.insert().values(
                uuid=bootstrap,
                spec="{}",
                spec_digest="",
                fingerprints="{}",
                on_failure="park",
                posted_by="bench",
                created_at=database.now,
            )
        )
        rows = [_row(job, bootstrap) for job in jobs]
        connection.execute(schema.jobs.insert(), rows)


def _row(job: Posting, bootstrap: str) -> dict[str, Any]:
    state = JobState.RUNNING if is_claimed(job) else JobState.READY
    return {
        "sequence": job.sequence,
        "uuid": job.uuid,
        "bootstrap_uuid": bootstrap,
        "flow": FLOW,
        "shape": job.details["shape"],
        "stage": 1,
        "host": job.details["host"],
        "state": state.value,
        "reverting": False,
        "epoch": int(is_claimed(job)),
        "owner": OTHER if is_claimed(job) else None,
        "book_uuid": job.book_uuid,
        "flow_uuid": job.details["flow_uuid"],
        "created_at": 0.0,
    }


Fill = Callable[[Sequence[Posting]], None]


@contextlib.contextmanager
def _sql(place: Place, database: Database) -> Iterator[Fill]:
    def fill(jobs: Sequence[Posting]) -> None:
        rows = [
            {
                "board": place.settings.namespace,
                "job_uuid": job.uuid,
                "sequence": job.sequence,
                "posting": to_json(write_listing(job)),
                "owner": OTHER if is_claimed(job) else None,
                "expires_at": 1e11 if is_claimed(job) else None,
                "modified_at": 0.0,
            }
            for job in jobs
        ]
        with database.write() as connection:
            connection.execute(schema.board_entries.insert(), rows)

    yield fill


@contextlib.contextmanager
def _redis(place: Place, database: Database) -> Iterator[Fill]:
    board: Any = place.open_board(database)
    board.connect()

    def fill(jobs: Sequence[Posting]) -> None:
        pipe = board._client.pipeline(transaction=False)
        for job in jobs:
            listing = board._dumps(write_listing(job))
            pipe.hset(board.listings_key, job.uuid, listing)
            if is_claimed(job):
                key = board.join(job.uuid.encode(), board.OWNED_POSTFIX)
                pipe.set(key, OTHER, ex=_FOREVER)
        pipe.execute()

    with contextlib.closing(board):
        yield fill


@contextlib.contextmanager
def _zookeeper(place: Place, _: Database) -> Iterator[Fill]:
    client = KazooClient(place.settings.servers[0])
    client.start()

    def fill(jobs: Sequence[Posting]) -> None:
        client.ensure_path(f"/{place.settings.namespace}")
        requests = []
        for job in jobs:
            path = f"/{place.settings.namespace}/job{job.sequence:010d}"
            blob = json.dumps(write_listing(job)).encode()
            requests.append(client.create_async(path, blob))
            if is_claimed(job):
                lock = json.dumps({"owner": OTHER, "claim": job.uuid}).encode()
                requests.append(
                    client.create_async(f"{path}.lock", lock, ephemeral=True)
                )
        for request in requests:
            request.get(timeout=60)

    try:
        yield fill
    finally:
        client.stop()
        client.close()


@contextlib.contextmanager
def _etcd(place: Place, _: Database) -> Iterator[Fill]:
    client = etcd3gw.client(place.settings.hosts[0], place.settings.port, timeout=30)
    lease = client.lease(ttl=_FOREVER)
    prefix = f"/taskflow/jobs/{place.settings.namespace}/job"
    lock = json.dumps({"owner": OTHER, "lease_id": lease.id})

    def fill(jobs: Sequence[Posting]) -> None:
        for at in range(0, len(jobs), _BATCH):
            puts = []
            for job in jobs[at : at + _BATCH]:
                key = f"{prefix}{job.sequence}"
                puts.append(txn.put(f"{key}.data", json.dumps(write_listing(job))))
                if is_claimed(job):
                    puts.append(txn.put(f"{key}.lock", lock, lease.id))
            txn.transact(client, [], puts, [])

    yield fill
    lease.revoke()


_FILLS = {"redis": _redis, "zookeeper": _zookeeper, "etcd": _etcd, "sql": _sql}
