# SPDX-License-Identifier: Apache-2.0
"""An octavia.conf that has oslo.config fetch more options from a server."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

_CONF = """\
[DEFAULT]
config_source = there
[there]
driver = remote_file
uri = http://127.0.0.1:{port}/octavia.conf
[task_flow]
more = 1
jobboard_enabled = True
"""


@contextlib.contextmanager
def remote_options(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """The file, and the paths for which the server was asked so far."""
    asked: list[str] = []

    class Remote(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[task_flow]\njobboard_backend_namespace = remote\n")

        def log_message(self, *_: object) -> None:
            """Write nothing to stderr."""

    with http.server.HTTPServer(("127.0.0.1", 0), Remote) as server:
        conf = folder / "octavia.conf"
        conf.write_text(_CONF.format(port=server.server_port))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield conf, asked
        finally:
            server.shutdown()
            thread.join()
