# SPDX-License-Identifier: Apache-2.0
"""Access to the status page of a real conductor, from outside."""

import base64
import shutil
import signal
from pathlib import Path

from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.store import Store
from tests.functional.daemon import Daemon, cli, ended
from tests.functional.status_page import Page
from tests.servers.certificates import Authority
from tests.servers.process import free_port, wait_until

TOKEN = "a-token-of-the-tests"
RENEWED = "another-token-of-the-tests"
GUARDED = """\
[conductor]
http_bind = 127.0.0.1:{port}
http_token_file = {folder}/token
http_tls_cert = {folder}/page.pem
http_tls_key = {folder}/page.key
"""


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _basic(password: str) -> dict[str, str]:
    given = base64.b64encode(f"anybody:{password}".encode()).decode()
    return {"Authorization": f"Basic {given}"}


def _guarded(folder: Path, authority: Authority, token: str, port: int) -> Page:
    """Write token, certificate and key; the page for those who trust the authority."""
    file = folder / "token"
    file.touch(mode=0o600)
    file.write_text(f"{token}\n")
    pair = authority.server("page")
    shutil.copy(pair.certificate, folder / "page.pem")
    shutil.copy(pair.key, folder / "page.key")
    return Page(port, authority.context())


def _wait_until_ready(page: Page, daemon: Daemon, token: str = TOKEN) -> None:
    wait_until(
        lambda: page.tried("/readyz", _bearer(token))[0] == 200,
        what="the conductor is ready",
        state=lambda: daemon.log,
    )


def test_the_token_opens_the_page_over_tls(
    tmp_path: Path, authority: Authority
) -> None:
    """Only who sends the token by TLS reads; SIGHUP renews token and certificate."""
    page = _guarded(tmp_path, authority, TOKEN, free_port())
    more = GUARDED.format(port=page.port, folder=tmp_path)
    with ended(Daemon(tmp_path, more=more)) as daemon:
        _wait_until_ready(page, daemon)
        assert cli(tmp_path, "post-job").returncode == 0
        [job] = Store(Database(f"sqlite:///{tmp_path}/engine.sqlite")).jobs()
        for path in ("/", f"/?job={job.uuid}", "/readyz", "/metrics"):
            asked = {
                "nothing": page.ask(path),
                "another": page.ask(path, _bearer(TOKEN + "x")),
                "bearer": page.ask(path, _bearer(TOKEN)),
                "basic": page.ask(path, _basic(TOKEN)),
            }
            found = {how: status for how, (status, _) in asked.items()}
            expected = {"nothing": 401, "another": 401, "bearer": 200, "basic": 200}
            assert found == expected, path
            assert job.uuid[:8] not in asked["nothing"][1] + asked["another"][1]
        assert job.uuid[:8] in page.ask(f"/?job={job.uuid}", _bearer(TOKEN))[1]
        assert page.ask("/?job=zz", _bearer(TOKEN))[0] == 404
        assert page.ask("/", _bearer(TOKEN), "POST")[0] == 405
        assert page.ask("/healthz") == (200, "ok\n")
        assert Page(page.port).tried("/healthz")[0] in (0, 400), "no page without TLS"
        assert TOKEN not in daemon.log

        other = Authority(tmp_path / "other")
        renewed = _guarded(tmp_path, other, RENEWED, page.port)
        daemon.process.send_signal(signal.SIGHUP)
        _wait_until_ready(renewed, daemon, RENEWED)
        assert renewed.ask("/", _bearer(TOKEN))[0] == 401
        assert page.tried("/healthz") == (0, ""), "the former certificate is gone"
