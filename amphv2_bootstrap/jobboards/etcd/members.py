# SPDX-License-Identifier: Apache-2.0
"""A client of all members of an etcd cluster; etcd3gw's own knows one."""

import threading
import time
from collections.abc import Callable
from typing import Any

import etcd3gw
import requests
from etcd3gw.exceptions import Etcd3Exception

from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.spec.server_errors.key_value import is_foreign
from amphv2_bootstrap.spec.task_flow_group import uses_tls

# The last two: an answer that isn't etcd's.
TROUBLE = (Etcd3Exception, requests.RequestException, KeyError, ValueError)

_SHORTEST_SECONDS = 1.0
_PAUSE_SECONDS = 0.1
# A member answers with an error, instead of waiting, while it knows no leader.
_REQUIRE_LEADER = {"Grpc-Metadata-hasleader": "true"}


class Members(etcd3gw.Etcd3Client):
    """Sends each request to the member that answered last, else to the next ones.

    A member is left when it refuses, is silent for ``member_seconds``, or has no
    leader. If none answers, the members are asked again for ``call_seconds``: the
    election of a leader takes about a second. So a request may be carried out twice.

    :param left: called when a member was left, by the thread that asked it.
    """

    def __init__(self, settings: BoardSettings, left: Callable[[], object]) -> None:
        self._settings = settings
        self._left = left
        self._turning = threading.Lock()
        self._members = [self._client_of(host) for host in settings.hosts]
        self._current = 0
        super().__init__(session=self._members[0].session)

    def get_url(self, path: str) -> str:
        """The path alone: each member has its own URL."""
        return path

    def post(self, url: str, *args: Any, **request: Any) -> Any:
        """The answer of the first member that gives one.

        :raises Etcd3Exception: no member does; its text has the reason of each.
        """
        deadline = time.monotonic() + self._settings.call_seconds
        reasons: dict[str, str] = {}
        attempts, count = 0, len(self._members)
        while True:
            member = self.present
            try:
                return _answer(member.post(member.get_url(url), *args, **request))
            except TROUBLE as error:
                reasons[member.host] = _reason(error)
                self.leave(member)
            attempts += 1
            if attempts >= count and (count == 1 or time.monotonic() > deadline):
                raise Etcd3Exception(
                    "; ".join(f"{host}: {why}" for host, why in reasons.items())
                )
            if attempts % count == 0:
                time.sleep(_PAUSE_SECONDS)

    @property
    def present(self) -> etcd3gw.Etcd3Client:
        """The member that is asked first."""
        return self._members[self._current]

    def for_stream(self) -> etcd3gw.Etcd3Client:
        """A client of the present member, with a session of its own."""
        return self._client_of(self.present.host)

    def leave(self, member: etcd3gw.Etcd3Client) -> None:
        """Ask the next member first from now on, if ``member`` is still the present."""
        with self._turning:
            if member.host == self.present.host and len(self._members) > 1:
                self._current = (self._current + 1) % len(self._members)
                self._left()

    def _client_of(self, host: str) -> etcd3gw.Etcd3Client:
        client = etcd3gw.Etcd3Client(
            host=host,
            port=self._settings.port,
            timeout=member_seconds(self._settings),
            api_path=self._settings.etcd_api_path,
            **_tls(self._settings),
        )
        client.session.headers.update(_REQUIRE_LEADER)
        # Else REQUESTS_CA_BUNDLE and HTTPS_PROXY would override the configuration.
        client.session.trust_env = False
        return client


def member_seconds(settings: BoardSettings) -> float:
    """How long one member may be silent; several must be asked while a claim lasts."""
    alone = settings.call_seconds
    several = max(_SHORTEST_SECONDS, alone / 2)
    return settings.etcd_timeout or (several if len(settings.hosts) > 1 else alone)


def _tls(settings: BoardSettings) -> dict[str, Any]:
    if not uses_tls(settings.etcd_ssl):
        return {}
    files = ("ca_cert", "cert_key", "cert_cert")
    given = {name: settings.etcd_ssl.get(name) for name in files}
    return {"protocol": "https"} | {name: path for name, path in given.items() if path}


def _answer(answer: Any) -> Any:
    """:raises Etcd3Exception: the answer of a stream is an error."""
    if "error" in answer:
        raise Etcd3Exception(str(answer["error"]))
    return answer


def _reason(error: BaseException) -> str:
    """What a member answered, or else the innermost error: the others are wrappers."""
    innermost = error
    while nested := innermost.__cause__ or innermost.__context__:
        innermost = nested
    if is_foreign(innermost):
        return f"an answer that can't be read ({type(innermost).__name__})"
    return getattr(innermost, "detail_text", None) or str(innermost)
