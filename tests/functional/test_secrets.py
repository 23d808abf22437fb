# SPDX-License-Identifier: Apache-2.0
"""No secret leaves the configuration files (promise P7)."""

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.functional.site import PASSWORD, MakeSite, Site
from tests.servers.mariadb import MariaDB
from tests.servers.redis import RedisServer


def _spellings(secret: str) -> Iterator[bytes]:
    for text in (
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        secret.replace("$", "$$"),
        secret.replace("'", "''"),
        secret.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"'),
    ):
        yield text.encode()


class CommandLines(threading.Thread):
    """Collects the command lines of all processes until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue  # the process has ended

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _searched(
    site: Site, redis: RedisServer, engine: Path
) -> Iterator[tuple[str, bytes]]:
    """All files and keys of the engine, which must have no secret."""
    for path in [*engine.parent.glob(f"{engine.name}*"), *site.folder.rglob("*.log")]:
        yield str(path), path.read_bytes()
    for host in site.hosts:
        for path in (site.folder / host / "state").rglob("*"):
            if path.is_file():
                yield str(path), path.read_bytes()
    with redis.client() as client:
        for key in client.scan_iter():
            yield f"redis {key!r}", key + (client.dump(key) or b"")


@pytest.mark.parametrize("fails", [False, True], ids=["done", "parked"])
def test_no_secret_is_found_anywhere(
    fails: bool,
    make_site: MakeSite,
    mariadb: MariaDB,
    redis_server: RedisServer,
    tmp_path: Path,
) -> None:
    """No secret is in database, jobboard, logs, state, output or arguments."""
    site = make_site(board="redis")
    if fails:
        mariadb.execute("CREATE USER octavia@localhost IDENTIFIED BY 'another'")
    watcher = CommandLines()
    watcher.start()
    site.start_conductors()
    done = site.cli("--debug", "-vv", "post-job", "--wait")
    shown = site.cli("job", "show", "-f", "json")
    watcher.stop()
    assert done.returncode == int(fails), done.stderr

    places = dict(_searched(site, redis_server, tmp_path / "engine.sqlite"))
    places["output"] = (done.stdout + done.stderr + shown.stdout).encode()
    places["command lines"] = b"\n".join(watcher.seen)
    assert b"amphv2_bootstrap.cmd.daemon" in places["command lines"]
    database = b"".join(places[name] for name in places if "engine.sqlite" in name)
    assert b"ensure-database-accounts" in database
    secrets = (PASSWORD, mariadb.root_password, redis_server.password)
    found = [
        place
        for place, content in places.items()
        for secret in secrets
        for spelling in _spellings(secret)
        if spelling in content
    ]
    assert found == []


def test_files_that_hold_secrets_are_private(
    make_site: MakeSite, tmp_path: Path
) -> None:
    """Only the owner may read the engine's database and all state."""
    site = make_site(hosts=("ctl1",))
    assert site.cli("run").returncode == 0
    state = site.folder / "ctl1" / "state"
    private = [*tmp_path.glob("engine.sqlite*"), *state.rglob("*")]
    assert private
    assert [path for path in private if path.stat().st_mode & 0o077] == []
