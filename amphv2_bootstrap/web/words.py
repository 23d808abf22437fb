# SPDX-License-Identifier: Apache-2.0
"""How the page writes times."""

from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """In the two largest units that matter: ``0.4 s``, ``12 s``, ``3 min 5 s``."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def clock(text: str | None) -> str:
    """The time of day of an ISO 8601 text, in UTC."""
    return text.partition("T")[2][:8] if text else "-"


def day_and_clock(text: str | None) -> str:
    """The same with its day."""
    return text[:19].replace("T", " ") if text else "-"


def at(seconds: float) -> str:
    """Epoch seconds as a time of day, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")
