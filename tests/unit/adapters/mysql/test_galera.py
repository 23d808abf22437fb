# SPDX-License-Identifier: Apache-2.0
"""Warnings about a Galera cluster and the way to it, from a server's answers."""

from collections.abc import Mapping

import pytest

from amphv2_bootstrap.adapters.mysql import galera
from amphv2_bootstrap.adapters.mysql.sessions import Row, Session

WHOLE = {
    "wsrep_cluster_size": "3",
    "wsrep_node_name": "db1",
    "wsrep_provider_options": "evs.send_window = 4; evs.suspect_timeout = PT5S; x = 1;",
}


class Answers(Session):
    """Answers SHOW ... LIKE from a dictionary."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.place = "db:3306"
        self._values = values

    def rows(self, sql: str, *args: object) -> list[Row]:
        return [(name, value) for name, value in self._values.items() if name in sql]


def test_nothing_is_wrong() -> None:
    """A whole cluster of three gives no warning, nor does a single server."""
    assert list(galera.traps(Answers(WHOLE))) == []
    assert list(galera.traps(Answers({}))) == []
    assert list(galera.several([Answers(WHOLE), Answers(WHOLE)])) == []
    assert list(galera.several([Answers({}), Answers({})])) == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("wsrep_cluster_size", "2", "one of two Galera nodes"),
        ("wsrep_provider_options", "evs.suspect_timeout = PT30S;", "30 s"),
        ("wsrep_provider_options", "evs.suspect_timeout = PT1M;", "60 s"),
    ],
)
def test_a_loss_that_stops_the_cluster_is_a_warning(
    name: str, value: str, words: str
) -> None:
    """A cluster that stands still, for ever or for long, when a node dies."""
    (found,) = galera.traps(Answers({**WHOLE, name: value}))
    assert words in found
    assert "db:3306" in found


def test_several_writers_are_a_warning() -> None:
    """Connections through one address must reach one node."""
    nodes = [Answers({**WHOLE, "wsrep_node_name": name}) for name in ("db2", "db1")]
    (found,) = galera.several(nodes)
    assert "db1, db2" in found
    assert "one writer" in found
