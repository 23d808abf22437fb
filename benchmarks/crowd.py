# SPDX-License-Identifier: Apache-2.0
"""Boards full of jobs that this conductor can't take, filled in bulk.

Half of the jobs are claimed by other conductors, half are for another host. The entries
are those that the boards themselves write, without a round trip for each.
"""

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import etcd3gw
from kazoo.client import KazooClient

from amphv2_bootstrap.engine.board import NewEntry
from amphv2_bootstrap.engine.records import FlowState
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database, to_json
from amphv2_bootstrap.jobboards.codec import write_listing
from amphv2_bootstrap.jobboards.etcd import transaction as txn
from benchmarks.conductor_program import FLOW
from benchmarks.places import Place

OTHER = "other:1:0:0"
_FOREVER = 3600
_BATCH = 60  # etcd allows 128 operations in one transaction


def is_claimed(entry: NewEntry) -> bool:
    """Whether another conductor has claimed it; else it is for another host."""
    return entry.sequence % 2 == 0


def new_entries(first: int, last: int) -> list[NewEntry]:
    """The entries with these numbers."""
    return [
        NewEntry(
            uuid=str(uuid.UUID(int=number)),
            sequence=number,
            name=FLOW,
            details={
                "flow": FLOW,
                "flow_detail_uuid": str(uuid.UUID(int=number << 32)),
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
) -> Iterator[Callable[[Sequence[NewEntry]], None]]:
    """Adds entries to the board and the database; their claims last until the end."""
    with _FILLS[place.settings.driver](place, database) as fill:

        def add(flow_runs: Sequence[NewEntry]) -> None:
            _record(database, flow_runs)
            fill(flow_runs)

        yield add


def _record(database: Database, flow_runs: Sequence[NewEntry]) -> None:
    job = str(uuid.uuid4())
    with database.write() as connection:
        connection.execute(
            schema.jobs.insert().values(
                uuid=job,
                spec="{}",
                spec_digest="",
                fingerprints="{}",
                on_failure="park",
                posted_by="bench",
                created_at=database.now,
            )
        )
        rows = [_row(flow_run, job) for flow_run in flow_runs]
        connection.execute(schema.flow_runs.insert(), rows)


def _row(flow_run: NewEntry, job: str) -> dict[str, Any]:
    state = FlowState.RUNNING if is_claimed(flow_run) else FlowState.READY
    return {
        "sequence": flow_run.sequence,
        "uuid": flow_run.uuid,
        "job_uuid": job,
        "flow": FLOW,
        "shape": flow_run.details["shape"],
        "stage": 1,
        "host": flow_run.details["host"],
        "state": state.value,
        "reverting": False,
        "epoch": int(is_claimed(flow_run)),
        "owner": OTHER if is_claimed(flow_run) else None,
        "book_uuid": flow_run.book_uuid,
        "flow_detail_uuid": flow_run.details["flow_detail_uuid"],
        "created_at": 0.0,
    }


Fill = Callable[[Sequence[NewEntry]], None]


@contextlib.contextmanager
def _sql(place: Place, database: Database) -> Iterator[Fill]:
    def fill(flow_runs: Sequence[NewEntry]) -> None:
        rows = [
            {
                "board": place.settings.namespace,
                "uuid": flow_run.uuid,
                "sequence": flow_run.sequence,
                "body": to_json(write_listing(flow_run)),
                "owner": OTHER if is_claimed(flow_run) else None,
                "expires_at": 1e11 if is_claimed(flow_run) else None,
                "modified_at": 0.0,
            }
            for flow_run in flow_runs
        ]
        with database.write() as connection:
            connection.execute(schema.board_entries.insert(), rows)

    yield fill


@contextlib.contextmanager
def _redis(place: Place, database: Database) -> Iterator[Fill]:
    board: Any = place.open_board(database)
    board.connect()

    def fill(flow_runs: Sequence[NewEntry]) -> None:
        pipe = board._client.pipeline(transaction=False)
        for flow_run in flow_runs:
            listing = board._dumps(write_listing(flow_run))
            pipe.hset(board.listings_key, flow_run.uuid, listing)
            if is_claimed(flow_run):
                key = board.join(flow_run.uuid.encode(), board.OWNED_POSTFIX)
                pipe.set(key, OTHER, ex=_FOREVER)
        pipe.execute()

    with contextlib.closing(board):
        yield fill


@contextlib.contextmanager
def _zookeeper(place: Place, _: Database) -> Iterator[Fill]:
    client = KazooClient(place.settings.servers[0])
    client.start()

    def fill(flow_runs: Sequence[NewEntry]) -> None:
        client.ensure_path(f"/{place.settings.namespace}")
        requests = []
        for flow_run in flow_runs:
            path = f"/{place.settings.namespace}/job{flow_run.sequence:010d}"
            blob = json.dumps(write_listing(flow_run)).encode()
            requests.append(client.create_async(path, blob))
            if is_claimed(flow_run):
                lock = json.dumps({"owner": OTHER, "claim": flow_run.uuid}).encode()
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

    def fill(flow_runs: Sequence[NewEntry]) -> None:
        for at in range(0, len(flow_runs), _BATCH):
            puts = []
            for flow_run in flow_runs[at : at + _BATCH]:
                key = f"{prefix}{flow_run.sequence}"
                puts.append(txn.put(f"{key}.data", json.dumps(write_listing(flow_run))))
                if is_claimed(flow_run):
                    puts.append(txn.put(f"{key}.lock", lock, lease.id))
            txn.transact(client, [], puts, [])

    yield fill
    lease.revoke()


_FILLS = {"redis": _redis, "zookeeper": _zookeeper, "etcd": _etcd, "sql": _sql}
