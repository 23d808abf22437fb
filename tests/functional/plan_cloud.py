# SPDX-License-Identifier: Apache-2.0
"""What ``plan`` says of a cloud, and what a job then does: by independent ledgers.

The server's general log has each statement, and octavia.conf each byte.
"""

import contextlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
import redis

from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.spec.masking import Masker
from tests.functional.canary_cloud import redis_keys
from tests.functional.canary_ledger import foreign_writes
from tests.functional.site import PASSWORD
from tests.functional.verify_cloud import Breaking, Cloud
from tests.patched import patched

_DIGEST = re.compile(r"'\*[0-9A-F]{40}'")
_LOCKS = re.compile(r"(UN)?LOCK TABLES|DO 0")
"""Also what keeps the session with a named lock alive."""
_OF_DB_MANAGE = "@amphv2_lock"
CONF, RESTART, UPGRADE = "file", "restart", "upgrade-persistence-schema"
_WRITING, _RESTARTING = "write-octavia-configuration", "restart-octavia-services"
_UNSEEN = (UPGRADE, "prove-jobboard", "prove-controller")
"""What only the act can tell: octavia-db-manage, and a job through the jobboard."""


@dataclass(frozen=True)
class Planned:
    """An answer of ``plan``; ``rows`` are its steps by name."""

    code: int
    rows: Mapping[str, Mapping[str, Any]]

    def texts(self, kind: str) -> list[str]:
        """The texts of all changes of a kind, in their order."""
        changes = [each for row in self.rows.values() for each in row["changes"]]
        return [each["text"] for each in changes if each["kind"] == kind]

    @property
    def problems(self) -> dict[str, str]:
        """By step."""
        return {n: row["problem"] for n, row in self.rows.items() if row["problem"]}


@dataclass(frozen=True)
class Done:
    """What a job did, by the ledgers; ``steps`` are those of its report, by name."""

    statements: list[str]
    before: bytes
    after: bytes
    upgrades: int
    restarts: int
    steps: Mapping[str, Mapping[str, Any]] = field(repr=False)

    def is_done(self, step: str) -> bool:
        return bool(self.steps[step]["state"] == "SUCCESS")


def plan(cloud: Cloud) -> Planned:
    """Run ``plan``, which must change nothing and show no secret."""
    site, mark, before = cloud.site, cloud.site.mariadb.mark(), _things(cloud)
    done = site.cli("plan", "-f", "json", timeout=240)
    assert done.stdout, done.stderr
    assert statements(cloud, mark) == []
    assert _things(cloud) == before
    secrets = (PASSWORD, site.mariadb.root_password, site.key_value.password)
    for secret in filter(None, secrets):
        assert secret not in done.stdout + done.stderr
    return Planned(
        done.returncode, {row["step"]: row for row in json.loads(done.stdout)}
    )


def post(cloud: Cloud) -> Done:
    """Post a job, and wait for its end; a conductor runs."""
    site, mark, before = cloud.site, cloud.site.mariadb.mark(), cloud.conf.read_bytes()
    counts = _begun(cloud)
    done = site.cli("post-job", "--wait", timeout=400)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    report = site.show()
    upgrades, restarts = (
        now - then for now, then in zip(_begun(cloud), counts, strict=True)
    )
    steps = {task["name"]: task for flow in report["flows"] for task in flow["tasks"]}
    found = statements(cloud, mark)
    after = cloud.conf.read_bytes()
    if done.returncode:
        ended = site.cli("job", "cancel", report["id"])
        assert ended.returncode == 0, ended.stderr
    return Done(found, before, after, upgrades, restarts, steps)


def compare(planned: Planned, done: Done, masker: Masker) -> None:
    """What was planned was done: statement by statement, byte by byte.

    Where a step failed, all before it was done, and of the rest at most a beginning.
    """
    has_changes = any(row["changes"] for row in planned.rows.values())
    assert planned.code == (1 if planned.problems else 4 if has_changes else 0)
    failed = next((n for n in done.steps if not done.is_done(n)), "")
    sql = planned.texts("sql")
    if failed:
        state = planned.rows[failed]["state"]
        foreseen = {"problem", "unseen"} if failed in _UNSEEN else {"problem"}
        assert state in foreseen, (planned.rows[failed], done.steps[failed])
        assert done.statements == sql[: len(done.statements)], done.statements
    else:
        assert done.statements == sql, done.statements
    for name in itertools.takewhile(done.is_done, done.steps):
        row, step = planned.rows[name], done.steps[name]
        assert not row["problem"], row
        changed = step["outcome"] == "changed"
        assert changed == (row["state"] == "changes"), (row, step)
    _compare_programs(planned, done)
    _compare_file(planned, done, masker)


def _compare_programs(planned: Planned, done: Done) -> None:
    """Each ran as often as planned; at most so often where its step was not done."""
    runs = [c for c in planned.rows[UPGRADE]["changes"] if c["kind"] == "command"]
    restarts = planned.texts(RESTART)
    for step, ran, wanted in (
        (UPGRADE, done.upgrades, len(runs)),
        (_RESTARTING, done.restarts, len(restarts)),
    ):
        assert ran == wanted if done.is_done(step) else ran <= wanted, (step, ran)


def _compare_file(planned: Planned, done: Done, masker: Masker) -> None:
    """octavia.conf is as planned; as it was, without a restart, where it didn't come
    to that.
    """
    diffs = planned.texts(CONF) if done.is_done(_WRITING) else []
    if diffs:
        old, new = (shown(text, masker) for text in (done.before, done.after))
        assert new == patched(old, *diffs)
    else:
        assert done.after == done.before
    assert done.is_done(_WRITING) or not done.restarts


def shown(text: bytes, masker: Masker) -> str:
    """A file as a diff of it shows it."""
    return "".join(conf_file.shown(text, masker))


@contextlib.contextmanager
def broken(cloud: Cloud, breaking: Breaking) -> Iterator[None]:
    """Break one thing, and repair it afterwards, where no job has done so."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(pymysql.Error))
        stack.enter_context(breaking(cloud))
        yield


def statements(cloud: Cloud, mark: int) -> list[str]:
    """The statements that change something, of our own programs; digests are masked."""
    sent = cloud.site.mariadb.sent(mark)
    others = {number for number, text in sent if _OF_DB_MANAGE in text}
    ours = [text for number, text in sent if number not in others]
    found = [text for text in foreign_writes(ours) if not _LOCKS.match(text)]
    return [_DIGEST.sub("'***'", text) for text in found]


def _begun(cloud: Cloud) -> tuple[int, int]:
    return cloud.site.begun("db-manage"), cloud.site.begun("restart-ctl1")


def _things(cloud: Cloud) -> dict[str, Any]:
    """All files of the host with what a change would change, and the keys of Redis.

    Not the log of the conductor, which runs meanwhile.
    """
    files: dict[str, Any] = {**stamps(cloud.conf.parent)}
    with contextlib.suppress(redis.ConnectionError):
        return {**files, "keys": redis_keys(cloud.server)}
    return files


def stamps(folder: Path) -> dict[str, tuple[int, ...]]:
    """What a change to any file below it, but to a log, would change."""
    return {
        str(path): _stamp(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".log"
    }


def _stamp(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
