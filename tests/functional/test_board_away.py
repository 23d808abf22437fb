# SPDX-License-Identifier: Apache-2.0
"""A jobboard that is away, and missing conductors, are two things."""

import json
import re
from pathlib import Path
from typing import Any

from amphv2_bootstrap.engine.liveness import Liveness
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.store import Store
from tests.functional.daemon import Daemon, cli, ended
from tests.functional.status_page import Page
from tests.servers.process import free_port, wait_until

BOARD = """\
[task_flow]
jobboard_backend_driver = redis
jobboard_backend_hosts = 127.0.0.1
jobboard_backend_port = {port}
[conductor]
http_bind = 127.0.0.1:{http}
"""


def _json(folder: Path, *arguments: str) -> Any:
    done = cli(folder, *arguments, "-f", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _seen_on_the_page(page: Page, port: int) -> None:
    """It is alive and not ready; its metrics say what is away."""
    assert page.ask("/healthz") == (200, "ok\n")
    status, words = page.ask("/readyz")
    assert status == 503
    assert re.search(rf"^jobboard: .*{port}", words, re.M), words
    assert "database: ok" in words
    metrics = page.metrics()
    assert metrics.value("board_up") == 0
    assert metrics.value("board_errors_total") > 0
    assert metrics.value("database_up") == 1


def test_a_conductor_without_its_board_is_alive(tmp_path: Path) -> None:
    """Commands, /readyz and metrics say that the board is away, nothing else."""
    port, page = free_port(), Page(free_port())
    more = BOARD.format(port=port, http=page.port)
    with ended(Daemon(tmp_path, more=more)) as daemon:
        wait_until(
            lambda: str(port) in page.tried("/readyz")[1],
            what="the conductor says why it can't reach its board",
            state=lambda: daemon.log,
        )
        store = Store(Database(f"sqlite:///{tmp_path}/engine.sqlite"))
        [row] = store.conductors()
        assert row.liveness is Liveness.ALIVE
        _seen_on_the_page(page, port)
        assert cli(tmp_path, "post-job").returncode == 0
        [listed] = _json(tmp_path, "conductor", "list")
        assert listed["state"] == "alive"
        assert str(port) in listed["board_error"]
        [cloud, _] = _json(tmp_path, "job", "show")["flows"]
        assert cloud["waits_for"].startswith(
            "the jobboard: conductors are alive (ctl1)"
        )
        watched = cli(tmp_path, "job", "watch", "--timeout", "12")
        assert watched.stderr.count("conductors are alive (ctl1)") == 1
        assert "No conductor is alive" not in watched.stderr
