# SPDX-License-Identifier: Apache-2.0
"""Names of locks, and pings; functional tests use a real server."""

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amphv2_bootstrap.adapters.mysql import named_locks
from amphv2_bootstrap.adapters.mysql.errors import DatabaseTroubleError
from amphv2_bootstrap.adapters.mysql.named_locks import lock_name


@given(st.text(max_size=64), st.text(max_size=64))
def test_lock_name(one: str, other: str) -> None:
    """Any database has its own lock name, which is short and needs no quoting."""
    name = lock_name("amphv2-upgrade", one)
    assert len(name) <= 64
    assert not set(name) & set("'\"\\%$ ")
    if one != other:
        assert name != lock_name("amphv2-upgrade", other)


def test_lock_name_is_readable() -> None:
    """An ordinary database's lock is recognizable in SHOW PROCESSLIST."""
    name = lock_name("amphv2-ddl", "octavia_persistence")
    assert name == "amphv2-ddl:octavia_persistence"


class SilentSession:
    """A session on a server that does not answer."""

    place = "db1:3306"

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answers = threading.Event()

    def rows(self, _sql: str) -> list[Any]:
        self.asked.set()
        assert self.answers.wait(60)
        return []


def test_a_ping_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is silent at the end is an error at once: the locks may be gone."""
    monkeypatch.setattr(named_locks, "_PING_SECONDS", 0.01)
    monkeypatch.setattr(named_locks, "_LAST_PING_SECONDS", 0.01)
    session: Any = SilentSession()
    with (
        pytest.raises(DatabaseTroubleError, match="does not answer"),
        named_locks.kept_open(session),
    ):
        assert session.asked.wait(60)
    session.answers.set()
