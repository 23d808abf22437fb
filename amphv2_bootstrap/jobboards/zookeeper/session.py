# SPDX-License-Identifier: Apache-2.0
"""A ZooKeeper session that reconnects by itself, and calls that never hang."""

import contextlib
import math
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kazoo import exceptions as kazoo_errors
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.serialization import Connect
from kazoo.protocol.states import KazooState, KeeperState
from taskflow.jobs.backends import impl_zookeeper
from taskflow.utils import kazoo_utils

from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.jobboards import board_errors
from amphv2_bootstrap.jobboards.change_notifier import ChangeNotifier
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.spec.task_flow_group import is_true, uses_tls

_RECONNECT_SECONDS = 1.0
_ATTEMPT_SECONDS = 2.0
_ROUNDING_SECONDS = 0.01
# Fraction of a claim's time: above USABLE_PART, after which the holder stops, and below
# the whole, since servers end sessions up to one tick late.
SESSION_PART = 0.9
_ENDED = (KeeperState.CLOSED, KeeperState.AUTH_FAILED)


class SessionBoard(impl_zookeeper.ZookeeperJobBoard):
    """taskflow's board with a client that is started, watched and replaced here.

    Without a session kazoo queues requests, and its blocking calls wait for ever. So
    nothing is sent without a session, and the wait for every answer is bounded.
    """

    def __init__(self, settings: BoardSettings) -> None:
        super().__init__(
            settings.namespace, _taskflow_conf(settings), emit_notifications=False
        )
        self._settings = settings
        self._changes = ChangeNotifier()
        # A dead connection must be noticed while the session can still be saved.
        self._patience = settings.call_seconds
        self._tls = _tls(settings)
        self._asked = ""
        self._reasons: dict[str, str] = {}
        self._granted = 0.0
        self._open = False
        self._started = False
        self._online = threading.Event()
        self._watch_client()

    def connect(self) -> None:
        self._open = True
        with self._asking("connect"):
            pass

    def close(self) -> None:
        with self._open_close_lock:
            self._open = False
            # A server that hangs doesn't confirm the end of the session.
            with contextlib.suppress(kazoo_errors.KazooException, OSError):
                super().close()
            self._replace_client()
        self._changes.notify()

    def _answer(self, request: Any) -> Any:
        return request.get(timeout=self._patience)

    @contextlib.contextmanager
    def _asking(self, attempted: str) -> Iterator[None]:
        try:
            self._ensure_connected()
            yield
        except KazooTimeoutError as error:
            self._drop_connection()
            why = f"no answer in {self._patience:g} s"
            raise board_errors.unavailable(self._settings, attempted, why) from error
        except (kazoo_errors.KazooException, OSError) as error:
            raise board_errors.unavailable(self._settings, attempted, error) from error

    def _drop_connection(self) -> None:
        """Have the client connect anew, to the next server, in the same session.

        kazoo sends its heartbeat only when it has sent nothing else for a while, so
        unanswered calls would keep a dead connection for ever.
        """
        with contextlib.suppress(AttributeError, OSError):
            self._client._connection._socket.shutdown(socket.SHUT_RDWR)

    def _ensure_connected(self) -> None:
        """Return when there is a session; a request sent without one may hang.

        :raises ConnectionLoss: there is none after a bounded time.
        """
        if not self._open:
            raise kazoo_errors.ConnectionClosedError("the board is closed")
        if self._client.client_state in _ENDED:
            self._start()
        elif not self._online.wait(_RECONNECT_SECONDS):
            raise kazoo_errors.ConnectionLoss(self._silence())
        self._check_session()

    def _start(self) -> None:
        with self._open_close_lock:
            if self._client.client_state in _ENDED:
                if self._started:
                    with contextlib.suppress(kazoo_errors.KazooException, OSError):
                        kazoo_utils.finalize_client(self._client)
                    self._replace_client()
                self._started = True
                self._client.start_async()
            if not self._online.wait(self._patience):
                # The client goes on trying by itself.
                raise kazoo_errors.ConnectionLoss(self._silence())

    def _silence(self) -> str:
        """Why there is no session, with what kazoo got from each server."""
        reasons = [f"; {host}: {why}" for host, why in list(self._reasons.items())]
        return "".join(("no server answers", *reasons))

    def _replace_client(self) -> None:
        """Make a new client: one that has ended doesn't restart reliably."""
        self._client.remove_listener(self._on_state)
        self._client = kazoo_utils.make_client(self._conf)
        self._client.add_listener(self._state_change_listener)
        self._watch_client()
        self._online.clear()
        self._started = False

    def _watch_client(self) -> None:
        """Follow the client's states, its failures, and the session that is granted.

        kazoo exposes neither the reason of a failure nor the session's timeout: both
        are noted as they go through it. taskflow doesn't pass on what verifies the
        servers.
        """
        client = self._client
        client.ca = self._tls.get("ca")
        verified = is_true(self._tls.get("check_hostname"))
        if verified and not hasattr(client, "check_hostname"):
            raise _unable_to_verify(self._settings)
        client.check_hostname = verified
        client.add_listener(self._on_state)
        client.handler.create_connection = self._connecting(
            client.handler.create_connection
        )
        client._connection._invoke = self._listening(client._connection._invoke)

    def _connecting(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        def connecting(*arguments: Any, **options: Any) -> Any:
            self._asked = options.get("hostname") or "a server"  # none before 2.11
            with self._noting():
                return connect(*arguments, **options)

        return connecting

    def _listening(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        def listening(timeout: float, request: Any, xid: int | None = None) -> Any:
            if not isinstance(request, Connect):
                return ask(timeout, request, xid)
            with self._noting():
                answer = ask(timeout, request, xid)
            self._granted = answer[0].time_out / 1000.0
            return answer

        return listening

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except (kazoo_errors.KazooException, OSError) as error:
            self._reasons[self._asked] = str(error)
            raise

    def _check_session(self) -> None:
        """:raises PermanentError: the session may end before a claim's holder stops."""
        wanted = _session_seconds(self._settings)
        if self._online.is_set() and self._granted < wanted - _ROUNDING_SECONDS:
            longest = int(self._granted / SESSION_PART)
            raise PermanentError(
                "use the jobboard",
                on=self._settings.place,
                why=f"ZooKeeper grants sessions of {self._granted:g} s at most, and "
                f"claims of {self._settings.expiry:g} s need one of {wanted:g} s",
                todo=f"Set jobboard_expiration_time to {longest} or less, or raise "
                "the server's maxSessionTimeout",
            )

    def _on_state(self, state: str) -> None:
        if state == KazooState.CONNECTED:
            self._reasons.clear()
            self._online.set()
        else:
            self._online.clear()
        self._changes.notify()


def _rounds(settings: BoardSettings) -> int:
    """How often to list the servers, so that one attempt to connect is short.

    kazoo gives an attempt the session's timeout divided by the number of hosts.
    A server that is just starting accepts connections and never answers: waiting
    for it would cost the session.
    """
    attempt = min(_ATTEMPT_SECONDS, settings.expiry / 3)
    return math.ceil(settings.expiry / attempt / len(settings.servers))


def _session_seconds(settings: BoardSettings) -> float:
    return settings.expiry * SESSION_PART


def _tls(settings: BoardSettings) -> Mapping[str, str]:
    """The TLS options as kazoo takes them; by default servers must have their names."""
    given = {name: value for name, value in settings.zookeeper_ssl.items() if value}
    verified = str(is_true(given.get("verify_certs", True)))
    return {"check_hostname": verified, **given} if uses_tls(given) else {}


def _unable_to_verify(settings: BoardSettings) -> PermanentError:
    return PermanentError(
        "use the jobboard",
        on=settings.place,
        why="kazoo before 2.11 can't verify the host name of a server",
        todo="Install kazoo 2.11 or later for this program, or add "
        "check_hostname:False to jobboard_zookeeper_ssl_options of [task_flow]",
    )


def _taskflow_conf(settings: BoardSettings) -> dict[str, Any]:
    """The configuration from which taskflow makes its client."""
    return {
        "hosts": list(settings.servers) * _rounds(settings),
        "path": "/" + settings.namespace.strip("/"),
        "timeout": _session_seconds(settings),
        # kazoo's own default waits up to an hour between attempts.
        "connection_retry": {"max_tries": -1, "delay": 0.1, "max_delay": 5.0},
        **_tls(settings),
    }
