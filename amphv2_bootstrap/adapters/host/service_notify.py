# SPDX-License-Identifier: Apache-2.0
"""Tells systemd how this service is; the protocol is that of sd_notify(3)."""

import contextlib
import os
import socket


def ready() -> None:
    """The service has started."""
    _send("READY=1")


def alive() -> None:
    """It isn't hung; without this for ``WatchdogSec`` systemd starts it anew."""
    _send("WATCHDOG=1")


def stopping() -> None:
    """It ends, and says nothing more."""
    _send("STOPPING=1")


def _send(state: str) -> None:
    """Send the state, if systemd waits for one; a lost one does no harm."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith("@"):  # a name without a file
        address = "\0" + address[1:]
    if address:
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel,
        ):
            channel.setblocking(False)
            channel.sendto(state.encode(), address)
