# SPDX-License-Identifier: Apache-2.0
"""What systemd receives."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host import service_notify


@pytest.fixture(params=["file", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """The socket on which systemd listens, with a name of each kind."""
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(30)
        if request.param == "abstract":
            listening.bind("\0" + name)
            monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        else:
            listening.bind(name)
            monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield listening


def test_each_state_is_sent(manager: socket.socket) -> None:
    """One datagram each, in the words of sd_notify(3)."""
    service_notify.ready()
    service_notify.alive()
    service_notify.stopping()
    found = [manager.recv(100) for _ in range(3)]
    assert found == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize("address", [None, "/missing/notify"])
def test_nobody_need_listen(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without systemd, and where it is gone, nothing happens."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    service_notify.ready()
