# SPDX-License-Identifier: Apache-2.0
"""Lists postings on Octavia's jobboard that its conductors can't carry out.

Touches none. Each has the reason, and the command that removes it.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import importlib
import shlex
from typing import Any

from . import loading
from .options import GROUP, received
from .reporting import Report, run
from .waiting import MOST, Posting, postings

_ENDS = "malformed"
_ELSEWHERE = "logbook"


def _books(conf: Any, report: Report, wanted: set[str]) -> set[str]:
    """Those of the logbooks that are in the persistence database, with a flow."""
    if not wanted:
        return set()
    sqlalchemy: Any = importlib.import_module("sqlalchemy")
    query = sqlalchemy.text(
        "SELECT COUNT(*) FROM flowdetails WHERE parent_uuid = :uuid"
    )
    found = set()
    with contextlib.ExitStack() as stack:
        stack.enter_context(report.at("persistence"))
        loading.refuse_file(conf)
        driver = loading.persistence_driver()
        persistence = stack.enter_context(driver.get_persistence())
        connection = stack.enter_context(persistence.engine.connect())
        for uuid in wanted:
            if connection.execute(query, {"uuid": uuid}).scalar():
                found.add(uuid)
    return found


def _removal(conf: Any, posting: Posting) -> str:
    """The command for the server's own client."""
    group, key = conf[GROUP], shlex.quote(posting.key)
    driver = loading.driver_name(conf)
    if driver == "redis":
        listings = shlex.quote(f"{group.jobboard_backend_namespace}:listings")
        database = getattr(group, "jobboard_redis_backend_db", 0)  # not before 14
        return f"redis-cli -n {database} HDEL {listings} {key}"
    if driver == "zookeeper":
        return f"zkCli.sh deleteall {key}"
    return f"etcdctl del {key}"


def _flaws(conf: Any, report: Report, found: list[Posting]) -> list[dict[str, str]]:
    driver = loading.driver_name(conf)
    malformed = {one.key: one.flaw(driver) for one in found}
    sound = [one for one in found if not malformed[one.key]]
    there = _books(conf, report, {one.book for one in sound if one.book})
    flaws = []
    for one in found:
        if malformed[one.key]:
            kind, name, why = _ENDS, one.key, malformed[one.key]
        elif one.book in there:
            continue
        else:
            kind, name, why = _ELSEWHERE, str(one), f"its logbook is {one.book}"
        removal = _removal(conf, one)
        flaws.append({"kind": kind, "name": name, "why": why, "remove": removal})
    return flaws


def program(report: Report, request: dict[str, Any]) -> None:
    """Report the postings; one that is gone meanwhile was carried out."""
    with report.at("configuration"):
        conf = loading.configuration(received(request), report)
    with contextlib.ExitStack() as stack:
        flaws = _flaws(conf, report, postings(conf, report, stack))
    if flaws:
        with contextlib.ExitStack() as stack:
            again = _flaws(conf, report, postings(conf, report, stack))
        flaws = [one for one in flaws if one in again]
    report.say(facts={"flaws": flaws[:MOST]})


def main() -> None:
    run(program, lambda: loading.prepare(loading.LOOK))
