# SPDX-License-Identifier: Apache-2.0
"""Serves the pages in threads of the conductor's process, which it never harms."""

import logging
import ssl
import threading
from typing import Any

from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server

from amphv2_bootstrap.conf.http.settings import HttpSettings

LOG = logging.getLogger(__name__)

_AGAIN_SECONDS = 10.0
_MOST_HEADER_BYTES = 16384


class StatusPage:
    """Binds and serves in a thread of its own; if the address is taken, tries again."""

    def __init__(self, application: Any, settings: HttpSettings) -> None:
        self._application = application
        self._settings = settings
        self._server: Server | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Begin to serve; returns at once and raises nothing."""
        self._thread.start()

    def stop(self) -> None:
        """Close the address. Requests under way get a second."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop()
        self._thread.join(3)

    def _run(self) -> None:
        said = ""
        while not self._stopping.is_set():
            try:
                self._serve()
            except OSError as exc:  # ssl's errors, too
                if str(exc) != said:
                    said = str(exc)
                    LOG.error(
                        "Can't serve the status page on %s: %s. The conductor works "
                        "on without it, and tries again. Correct [conductor] http_..., "
                        "or end what uses the port.",
                        self._settings.url,
                        exc,
                    )
            except Exception:  # the outermost frame of the thread
                LOG.exception("The status page has stopped; trying again")
            self._stopping.wait(_AGAIN_SECONDS)

    def _serve(self) -> None:
        server = self._server = _server(self._application, self._settings)
        server.prepare()
        LOG.info("The status page is on %s", self._settings.url)
        if self._stopping.is_set():  # stop() may have come before the address was open
            server.stop()
        server.serve()


class _Server(Server):
    def error_log(
        self, msg: str = "", level: int = 20, traceback: bool = False
    ) -> None:
        """What a client did wrong is no news; what we did is."""
        known = logging.ERROR if traceback else logging.DEBUG
        LOG.log(known, "Status page: %s", msg, exc_info=traceback)


def _server(application: Any, settings: HttpSettings) -> Server:
    server = _Server(
        (settings.address, settings.port),
        application,
        numthreads=4,
        max=4,
        server_name="amphv2-conductor",
        request_queue_size=32,
        timeout=10,
        shutdown_timeout=1,
    )
    server.max_request_header_size = _MOST_HEADER_BYTES
    server.max_request_body_size = _MOST_HEADER_BYTES
    if settings.cert and settings.key:
        adapter = BuiltinSSLAdapter(settings.cert, settings.key)
        adapter.context.minimum_version = ssl.TLSVersion.TLSv1_2
        server.ssl_adapter = adapter
    return server
