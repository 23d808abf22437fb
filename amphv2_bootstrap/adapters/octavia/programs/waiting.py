# SPDX-License-Identifier: Apache-2.0
"""Lists the jobs on Octavia's own jobboard; claims and changes none.

Reads what the servers hold: taskflow's own ``iterjobs`` deletes a posting in Redis or
etcd that it can't read.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import calendar
import contextlib
import datetime
import importlib
import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import loading
from .options import GROUP, received
from .own_rights import zookeeper_client
from .reporting import Report, run

MOST = 50
FIELDS = {
    "redis": ("uuid", "name", "sequence", "created_on"),
    "zookeeper": ("uuid", "name"),
    "etcd": ("uuid", "name", "sequence", "priority"),
}
"""Without one of these in a posting, taskflow's ``iterjobs`` raises an error."""


_NAMES = ("loadbalancer_id", "load_balancer_id")


class Claim(NamedTuple):
    """A worker that claims a job, and for how long, in seconds; None if not known."""

    owner: str
    seconds: float | None


class Posting:
    """One posting: its key on the server, and what it says, None if unreadable."""

    def __init__(self, key: str, content: Any, claim: Claim | None = None) -> None:
        self.key = key
        self.content = content
        self.claim = claim

    def flaw(self, driver: str) -> str:
        """Why taskflow can't read it, as a clause; empty if it can."""
        if not isinstance(self.content, dict):
            return "it can't be read"
        missing = [name for name in FIELDS[driver] if name not in self.content]
        if missing:
            return f"it has no {', '.join(missing)}"
        priority = self.content.get("priority", "NORMAL")
        base: Any = importlib.import_module("taskflow.jobs.base")
        try:
            if hasattr(base, "JobPriority"):
                base.JobPriority.convert(priority)
        except (ValueError, TypeError, AttributeError):
            return "its priority is invalid"
        return ""

    @property
    def book(self) -> str | None:
        """The id of its logbook, if it names one."""
        book = self.content.get("book")
        uuid = book.get("uuid") if isinstance(book, dict) else None
        return None if uuid is None else str(uuid)

    @property
    def load_balancers(self) -> set[str]:
        """The ids of the load balancers that the job works on."""
        return set(_ids(self.content.get("details")))

    def __str__(self) -> str:
        return f"{self.content['name']} ({self.content['uuid']})"


def _ids(value: Any) -> Iterator[str]:
    """What the arguments of Octavia's flows name so, at any depth."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name in _NAMES and isinstance(one, str):
                yield one
            yield from _ids(one)
    elif isinstance(value, list):
        for one in value:
            yield from _ids(one)


def postings(conf: Any, report: Report, stack: contextlib.ExitStack) -> list[Posting]:
    """All postings on Octavia's own jobboard, by key."""
    name = loading.driver_name(conf)
    with report.at("jobboard-driver"):
        driver = loading.jobboard_driver(conf, loading.persistence_driver())
        if hasattr(driver, "shutdown"):
            stack.callback(driver.shutdown)
    with report.at("jobboard-connect"):
        if name == "zookeeper":  # to connect, its board makes folders
            client = stack.enter_context(zookeeper_client(conf))
            found = _of_zookeeper(client, conf[GROUP].jobboard_backend_namespace)
        else:
            backends: Any = importlib.import_module("taskflow.persistence.backends")
            persistence = backends.fetch({"connection": "memory"})  # it needs none
            board = stack.enter_context(driver.job_board(persistence))
            found = _of_redis(board) if name == "redis" else _of_etcd(board)
        return sorted(found, key=lambda posting: posting.key)


def _of_redis(board: Any) -> Iterator[Posting]:
    exceptions: Any = importlib.import_module("taskflow.exceptions")
    for key, blob in board._client.hgetall(board.listings_key).items():
        try:
            content = board._loads(blob)
        except (ValueError, TypeError, KeyError, exceptions.JobFailure):
            content = None
        yield Posting(_text(key), content, _claim_in_redis(board, key))


def _claim_in_redis(board: Any, key: bytes) -> Claim | None:
    owner = board._client.get(board.join(key + board.OWNED_POSTFIX))
    if owner is None:
        return None
    since = board._client.get(board.join(key + board.LAST_MODIFIED_POSTFIX))
    seconds = None
    if since is not None:
        began = board._loads(since, root_types=(datetime.datetime,))
        seconds = time.time() - calendar.timegm(began.utctimetuple())
    return Claim(_text(owner), seconds)


def _of_zookeeper(client: Any, namespace: str) -> Iterator[Posting]:
    exceptions: Any = importlib.import_module("kazoo.exceptions")
    path = "/" + namespace.strip("/")
    with contextlib.suppress(exceptions.NoNodeError):
        for child in client.get_children(path):
            if child.startswith("job") and not child.endswith(".lock"):
                with contextlib.suppress(exceptions.NoNodeError):
                    blob, _ = client.get(f"{path}/{child}")
                    claim = _claim_in_zookeeper(client, f"{path}/{child}.lock")
                    yield Posting(f"{path}/{child}", _decoded(blob), claim)


def _claim_in_zookeeper(client: Any, path: str) -> Claim | None:
    exceptions: Any = importlib.import_module("kazoo.exceptions")
    try:
        blob, state = client.get(path)
    except exceptions.NoNodeError:
        return None
    return Claim(_owner(blob), time.time() - state.created)


def _of_etcd(board: Any) -> Iterator[Posting]:
    board._process_incoming_job = lambda key, data: None  # of its thread: it deletes
    prefix = board._create_path(board._root_path, board.JOB_PREFIX)
    for blob, found in board._client.get_prefix(prefix):
        key = _text(found["key"])
        if key.endswith(board.DATA_POSTFIX):
            lock = key[: -len(board.DATA_POSTFIX)] + board.LOCK_POSTFIX
            owners = board._client.get(lock)
            claim = Claim(_owner(owners[0]), None) if owners else None
            yield Posting(key, _decoded(blob), claim)


def _owner(blob: bytes) -> str:
    found = _decoded(blob)
    return str(found.get("owner")) if isinstance(found, dict) else "unknown"


def _decoded(blob: bytes) -> Any:
    try:
        return json.loads(blob)
    except ValueError:
        return None


def _text(key: Any) -> str:
    return key.decode(errors="backslashreplace") if isinstance(key, bytes) else str(key)


def program(report: Report, request: dict[str, Any]) -> None:
    """Report the names of the jobs, and the job of each load balancer."""
    with report.at("configuration"):
        conf = loading.configuration(received(request), report)
    driver = loading.driver_name(conf)
    with contextlib.ExitStack() as stack:
        found = postings(conf, report, stack)
        sound = [one for one in found if not one.flaw(driver)]
        by_id = {id_: _described(one) for one in sound for id_ in one.load_balancers}
        jobs = sorted(map(str, sound))[:MOST]
        report.say(facts={"jobs": jobs, "load_balancers": by_id})


def _described(posting: Posting) -> dict[str, Any]:
    owner, seconds = posting.claim or ("", None)
    return {"job": str(posting), "owner": owner, "seconds": seconds}


def main() -> None:
    run(program, lambda: loading.prepare(loading.LOOK))
