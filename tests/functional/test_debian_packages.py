# SPDX-License-Identifier: Apache-2.0
"""Octavia from Debian's packages, bootstrapped as the page ``packages`` says.

Source: Debian 12's octavia-worker 11.0.0-2 and python3-taskflow 5.0.0-3.
"""

import re
import shlex
from pathlib import Path

import pytest

from tests import REPOSITORY
from tests.functional.canary_cloud import redis_keys
from tests.servers.debian import Debian
from tests.servers.mariadb import MariaDB
from tests.servers.redis import RedisServer

PAGE = (REPOSITORY / "doc/source/deployment/packages.rst").read_text()
CONF = "/etc/octavia/octavia.conf"
OWN_CONF = "/etc/amphv2-bootstrap/amphv2-bootstrap.conf"
PASSWORD = "p@ss:w/o#r%d1"
QUOTED = "p%40ss%3Aw%2Fo%23r%25d1"

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def configuration(mariadb: MariaDB, redis: RedisServer) -> str:
    """The page's file, with this test's servers."""
    text = re.search(r"   \[octavia\]\n(?:   .*\n|\n)+", PAGE)
    assert text is not None
    administrator = mariadb.root_url.partition("//")[2].partition("@")[0]
    replaced = {
        "root:ADMIN-PASSWORD": administrator,
        "@DATABASE/": f"@{mariadb.host}:{mariadb.port}/",
        "REDIS-PASSWORD": redis.password.replace("$", "$$"),
        "= REDIS\n": f"= {redis.host}\njobboard_backend_port = {redis.port}\n",
        "   ": "",
    }
    found = text.group()
    for before, after in replaced.items():
        assert before in found
        found = found.replace(before, after)
    return found


@pytest.fixture
def debian(tmp_path: Path, mariadb: MariaDB, redis_server: RedisServer) -> Debian:
    """A controller with Debian's octavia.conf, and a main database."""
    debian = Debian(tmp_path)
    url = f"mysql+pymysql://octavia:{QUOTED}@{mariadb.host}:{mariadb.port}/octavia"
    section = f"s#^.database.$#&\\nconnection = {url.replace('#', '%23')}#"
    assert debian.run("sed", "-i", section, CONF).returncode == 0
    own = debian.path(OWN_CONF)
    own.parent.mkdir(parents=True)
    own.touch(mode=0o600)
    own.write_text(configuration(mariadb, redis_server))
    mariadb.execute("CREATE DATABASE octavia CHARACTER SET utf8mb3")
    mariadb.execute("CREATE USER octavia@'%%' IDENTIFIED BY %s", (PASSWORD,))
    mariadb.execute("GRANT ALL ON octavia.* TO octavia@'%'")
    return debian


def typed(debian: Debian, command: str) -> tuple[int, str]:
    """The exit code and the output of a command of the page."""
    assert f"   # {command}\n" in PAGE
    done = debian.run(*shlex.split(command))
    return done.returncode, done.stdout


def test_octavia_from_debians_packages_is_bootstrapped(
    debian: Debian, mariadb: MariaDB, redis_server: RedisServer
) -> None:
    """The missing package is named first; then all is proven, and stays as it is."""
    code, output = typed(debian, "amphv2-bootstrap plan")
    shown = " ".join(output.split())
    assert (code, "apt-get install python3-redis" in shown) == (1, True), output
    code, output = typed(debian, "amphv2-bootstrap run")
    assert (code, "apt-get install python3-redis" in output) == (1, True), output
    assert ("octavia_persistence",) not in mariadb.execute("SHOW DATABASES")

    assert typed(debian, "apt-get install --yes python3-redis")[0] == 0
    code, output = typed(debian, "amphv2-bootstrap run")
    assert code == 0, output
    assert "taskflow 5.0.0 has no migrations" in output
    assert "according to the options of /usr/bin/python3" in output
    assert "sent a job through redis" in output
    assert "NOT PROVEN" not in output
    assert "Octavia's files were read in this order" not in output
    keys, before = redis_keys(redis_server), debian.path(CONF).stat()
    code, output = typed(debian, "amphv2-bootstrap verify")
    assert (code, "The jobboard is proven" in output) == (0, True), output
    assert redis_keys(redis_server) == keys
    assert (before.st_mode & 0o777, before.st_gid != 0) == (0o640, True)

    assert debian.run("amphv2-bootstrap", "post-job").returncode == 0
    code, output = typed(debian, "amphv2-bootstrap run")
    assert code == 0, output
    assert "has all wanted options" in output
    assert debian.path(CONF).stat().st_ino == before.st_ino
