# SPDX-License-Identifier: Apache-2.0
"""Clients that create and delete load balancers without pause, and their ledger."""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Request:
    """One request; ``answer`` is the HTTP status, or the error of the connection."""

    at: float
    method: str
    path: str
    answer: str

    @property
    def refused(self) -> bool:
        return self.answer[0] != "2" and not (
            self.method == "GET" and self.answer == "404"
        )


@dataclass
class Traffic:
    """``clients`` threads that each use one load balancer after the other.

    A client leaves a load balancer that is PENDING for ``patience`` seconds.
    """

    url: str
    clients: int
    patience: float
    requests: list[Request] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for _ in range(self.clients):
            thread = threading.Thread(target=self._use, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Begin nothing new; return when the clients have ended."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def operations(self) -> list[Request]:
        """The creations and deletions."""
        return [one for one in self.requests if one.method != "GET"]

    @property
    def refused(self) -> list[Request]:
        return [one for one in self.requests if one.refused]

    def save(self, path: Path) -> None:
        """Write the ledger, a line a request."""
        path.write_text("".join(f"{json.dumps(vars(one))}\n" for one in self.requests))

    def _use(self) -> None:
        while not self._over.is_set():
            created = self._call("POST", "loadbalancers", _wanted())
            if created is None:
                self._over.wait(_POLL_SECONDS)
                continue
            found = created["loadbalancer"]["id"]
            self.created.append(found)
            path = f"loadbalancers/{found}"
            if self._settles(path) and self._call("DELETE", path) is not None:
                self._settles(path)

    def _settles(self, path: str) -> bool:
        """Wait until it isn't PENDING; return whether it is there, and settled."""
        until = time.monotonic() + self.patience
        while time.monotonic() < until and not self._over.is_set():
            found = self._call("GET", path)
            if found == {} or (found and not _is_pending(found)):
                return bool(found)
            self._over.wait(_POLL_SECONDS)
        return False

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        """The content of the answer, empty for 204 and 404; None if it was refused."""
        request = urllib.request.Request(
            f"{self.url}/v2/lbaas/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        content, began = b"", time.time()
        try:
            with urllib.request.urlopen(request, timeout=60) as found:
                content, answer = found.read(), str(found.status)
        except urllib.error.HTTPError as exc:
            answer = str(exc.code)
        except (OSError, http.client.HTTPException) as exc:
            answer = repr(exc)
        made = Request(began, method, path, answer)
        self.requests.append(made)
        return None if made.refused else json.loads(content or b"{}")


def _is_pending(found: Any) -> bool:
    status: str = found["loadbalancer"]["provisioning_status"]
    return status.startswith("PENDING")


def _wanted() -> Any:
    return {
        "loadbalancer": {
            "name": f"lb-{uuid.uuid4().hex[:8]}",
            "project_id": uuid.uuid4().hex,
            "vip_network_id": str(uuid.uuid4()),
            "vip_subnet_id": str(uuid.uuid4()),
            "vip_address": "198.51.100.7",
        }
    }
