# SPDX-License-Identifier: Apache-2.0
"""The WSGI application: from a request to a response; reads only."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from amphv2_bootstrap.conf.http.settings import HttpSettings
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import BootstrapError, NotFoundError
from amphv2_bootstrap.web import access, health, metrics, page
from amphv2_bootstrap.web.overview import Overviews
from amphv2_bootstrap.web.responses import HTML, Response, text

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

LOG = logging.getLogger(__name__)

_REALM = 'Basic realm="amphv2-bootstrap", charset="UTF-8"'
_READS = ("GET", "HEAD")
Environ = Mapping[str, Any]


@dataclass(frozen=True)
class Application:
    """One conductor's pages."""

    settings: HttpSettings
    store: Callable[[], Store]
    pulse: health.Pulse
    metrics: metrics.Source

    @cached_property
    def _overviews(self) -> Overviews:
        return Overviews(self.store)

    def __call__(
        self, environ: Environ, start_response: "StartResponse"
    ) -> Iterable[bytes]:
        try:
            response = self._answer(environ)
        except Exception:  # the outermost frame of a request
            LOG.exception("The status page could not answer a request")
            words = "Internal error: see the log of amphv2-conductor on this host."
            response = text(words, HTTPStatus.INTERNAL_SERVER_ERROR)
        status = response.status
        start_response(f"{status.value} {status.phrase}", response.headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [response.body]

    def _answer(self, environ: Environ) -> Response:
        if environ["REQUEST_METHOD"] not in _READS:
            status, more = HTTPStatus.METHOD_NOT_ALLOWED, [("Allow", "GET, HEAD")]
            return Response(b"This page is read only.\n", status=status, more=more)
        host = environ.get("HTTP_HOST", "")
        token, address = self.settings.token, self.settings.address
        if token is None and not access.is_own_name(host, address):
            words = "Without a token this page answers only to a name of this host."
            return text(words, HTTPStatus.MISDIRECTED_REQUEST)
        path = environ.get("PATH_INFO", "/")
        if path == "/healthz":
            return self._health()
        if not access.is_allowed(token, environ.get("HTTP_AUTHORIZATION", "")):
            status, more = HTTPStatus.UNAUTHORIZED, [("WWW-Authenticate", _REALM)]
            body = b"The token of [conductor] http_token_file is needed.\n"
            return Response(body, status=status, more=more)
        return self._read(path, environ.get("QUERY_STRING", ""))

    def _read(self, path: str, query: str) -> Response:
        if path == "/":
            return self._page(query)
        if path == "/readyz":
            found = health.look(self.pulse, self.store, self.metrics.owner)
            status = HTTPStatus.OK if found.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
            return text("\n".join(found.lines()), status)
        if path == "/metrics":
            return Response(metrics.exposition(self.metrics), metrics.CONTENT_TYPE)
        asset = page.ASSETS.get(path)
        if asset is not None:
            return Response(asset.body, asset.type, is_fixed=True)
        return text("There is no such page.", HTTPStatus.NOT_FOUND)

    def _health(self) -> Response:
        """No detail: anybody may ask."""
        if self.pulse.trouble:
            return text("the conductor hangs", HTTPStatus.SERVICE_UNAVAILABLE)
        return text("ok")

    def _page(self, query: str) -> Response:
        wanted = parse_qs(query[:200]).get("job", [None])[0]
        try:
            seen = self._overviews.get(wanted)
        except NotFoundError as exc:
            return _failure(str(exc), HTTPStatus.NOT_FOUND)
        except BootstrapError as exc:
            return _failure(str(exc), HTTPStatus.SERVICE_UNAVAILABLE)
        if seen is None:
            words = "The engine's database has not answered yet"
            return _failure(words, HTTPStatus.SERVICE_UNAVAILABLE)
        return Response(page.render(seen), HTML)


def _failure(words: str, status: HTTPStatus) -> Response:
    return Response(page.render_failure(words), HTML, status)
