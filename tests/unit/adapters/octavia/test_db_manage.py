# SPDX-License-Identifier: Apache-2.0
"""The overlay file, the guarded URL, and the error lines of an output."""

import stat
import threading
from pathlib import Path

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_config import cfg

from amphv2_bootstrap.adapters.mysql.database_url import with_password
from amphv2_bootstrap.adapters.octavia import db_manage
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.masking import NOTHING_SECRET, Masker
from amphv2_bootstrap.spec.model import HostSettings
from tests.unit.adapters.octavia.remote_options import remote_options

URL = DatabaseUrl(
    "mysql+pymysql", "octavia", "db1", 3306, "o_p", {"ssl_ca": "/etc/ca.pem"}
)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_password_survives(tmp_path: Path, password: str) -> None:
    """oslo.config and SQLAlchemy read any password back unchanged."""
    url = db_manage.guarded(URL, "amphv2-ddl:o_p", 240)
    with db_manage.overlay(tmp_path, with_password(url, password)) as file:
        conf = cfg.ConfigOpts()
        conf.register_opts([cfg.StrOpt("persistence_connection")], group="task_flow")
        conf(["--config-file", str(file)], project="octavia")
        read = sqlalchemy.make_url(conf.task_flow.persistence_connection)
    assert read.password == password
    assert (read.host, read.database) == ("db1", "o_p")
    assert read.query["ssl_ca"] == "/etc/ca.pem"
    assert read.query["init_command"] == url.query["init_command"]
    assert "GET_LOCK('amphv2-ddl:o_p', 240) = 1" in str(read.query["init_command"])


def test_lock_name_cannot_inject_sql() -> None:
    """A lock's name that needs quoting is refused."""
    with pytest.raises(ValueError, match="lock"):
        db_manage.guarded(URL, "a'), 1, (SELECT 'x", 1)


def test_unusable_state_path(tmp_path: Path) -> None:
    """A state_path that can't hold a file is a permanent error that names it."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(PermanentError, match="state_path"),
        db_manage.overlay(tmp_path / "file", "sqlite://"),
    ):
        pass


def test_a_missing_state_path_is_made_private(tmp_path: Path) -> None:
    """A missing state_path is made for its owner only."""
    folder = tmp_path / "var" / "state"
    with db_manage.overlay(folder, "sqlite://"):
        pass
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_overlay_is_removed_on_errors(tmp_path: Path) -> None:
    """The file is removed even if the block raises an error."""
    used = db_manage.overlay(tmp_path, "sqlite://")
    with pytest.raises(FileNotFoundError), used as file:
        file.with_name("missing").read_text()
    assert list(tmp_path.iterdir()) == []


def test_overlay_removed_by_somebody_else(tmp_path: Path) -> None:
    """A file that was removed within the block is no error."""
    with db_manage.overlay(tmp_path, "sqlite://") as file:
        file.unlink()


TRACEBACK = """2026-01-02 03:04:05.678 99 ERROR octavia-db-manage [-] Traceback
2026-01-02 03:04:05.678 99 ERROR octavia-db-manage   File "x.py", line 1, in y
2026-01-02 03:04:05.678 99 ERROR octavia-db-manage sqlalchemy.exc.OperationalError: \
(pymysql.err.OperationalError) (1050, "Table 'logbooks' already exists")
2026-01-02 03:04:05.678 99 ERROR octavia-db-manage (Background on this error at: x)
x.py:77: EventletDeprecationWarning:
Eventlet is deprecated."""


def test_error_lines() -> None:
    """Of a traceback, only the error is shown, without the log's prefix."""
    assert db_manage.error_lines(TRACEBACK, NOTHING_SECRET) == (
        "sqlalchemy.exc.OperationalError: (pymysql.err.OperationalError) "
        "(1050, \"Table 'logbooks' already exists\")"
    )


def test_error_lines_without_an_error() -> None:
    """If no line looks like an error, the last lines are shown."""
    assert db_manage.error_lines("one\ntwo\n", NOTHING_SECRET) == "one\ntwo"
    assert db_manage.error_lines("", NOTHING_SECRET) == ""


def test_cut_line_is_left_out() -> None:
    """The rest of a secret at the start of a cut output isn't shown."""
    output = "ret-word\n" + "line\n" * 1000
    assert "word" not in db_manage.error_lines(output, Masker(["secret-word"]))
    assert db_manage.error_lines("ret-word" * 1000, Masker(["secret-word"])) == ""


REFUSED = (
    "(2003, \"Can't connect to MySQL server on 'db1' ([SSL: CERTIFICATE_VERIFY_FAILED] "
    'certificate verify failed: certificate has expired (_ssl.c:1006))")'
)


@pytest.mark.parametrize(
    ("output", "transient", "advice"),
    [
        ('(2003, "timed out")', True, "Is the server running"),
        (REFUSED, False, "renew it"),
        ("(1114, \"The table 'logbooks' is full\")", False, "disk"),
        ('(1290, "running with the --skip-grant-tables option")', False, "restart it"),
        ("TypeError: no server said this", False, ""),
    ],
)
def test_an_error_of_the_server_has_its_own_advice(
    tmp_path: Path, output: str, transient: bool, advice: str
) -> None:
    """A refused certificate has the number of a server that is away, but stays."""
    script = tmp_path / "octavia-db-manage"
    script.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{output}\nEND\nexit 1\n")
    script.chmod(0o700)
    host = HostSettings("c1", str(tmp_path), ("/octavia.conf",), URL, (str(script),))
    found = db_manage.upgrade_persistence(
        host, URL, "x", masker=NOTHING_SECRET, cancelled=threading.Event()
    )
    assert (found.returncode, found.transient) == (1, transient)
    assert advice in found.advice if advice else not found.advice


@pytest.mark.parametrize("text", ["x\n[database]\nconnection = y", "x\ry", "x\x00y"])
def test_no_value_adds_an_option_to_the_overlay(text: str, tmp_path: Path) -> None:
    """A value with a line break or control character is refused; no file is made."""
    with (
        pytest.raises(PermanentError, match="connection has a line break"),
        db_manage.options_overlay(tmp_path, {"connection": text}),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_overlay_lets_nothing_be_fetched(tmp_path: Path) -> None:
    """octavia-db-manage runs as root, with a file that Octavia's user may write."""
    with (
        remote_options(tmp_path) as (conf, asked),
        db_manage.overlay(tmp_path, "sqlite://") as file,
    ):
        cfg.ConfigOpts()(["--config-file", str(conf)], project="octavia")
        assert asked == ["/octavia.conf"]
        files = ["--config-file", str(conf), "--config-file", str(file)]
        cfg.ConfigOpts()(files, project="octavia")
    assert len(asked) == 1
