# SPDX-License-Identifier: Apache-2.0
"""Tells the load balancer whether the Galera node of its host may be written to.

Such a program is clustercheck; it knows more than whether a port is open.
"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.lab.galera import CHECK_PORT, Node


def serve(node: Node) -> None:
    """Answer 200 if the node is synced, otherwise 503."""

    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:
            self.send_response(200 if node.is_synced else 503)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing."""

    HTTPServer((node.address, CHECK_PORT), Handler).serve_forever()


if __name__ == "__main__":
    address, folder = sys.argv[1:]
    serve(Node("", address, Path(folder), ()))
