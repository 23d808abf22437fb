# SPDX-License-Identifier: Apache-2.0
"""The status page as HTML, and the files that it needs."""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2

from amphv2_bootstrap.engine.conductor.duplicate_hosts import has_duplicate
from amphv2_bootstrap.engine.liveness import Liveness
from amphv2_bootstrap.web import words
from amphv2_bootstrap.web.attention import notes
from amphv2_bootstrap.web.lanes import draw
from amphv2_bootstrap.web.overview import Seen

_TYPES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FRESH = 3.0
_MARKS = {
    "SUCCESS": "done",
    "FAILURE": "failed",
    "RUNNING": "running",
    "REVERTING": "undoing",
    "REVERTED": "undone",
    "REVERT_FAILURE": "undo failed",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the page loads."""

    body: bytes
    type: str


def _assets() -> dict[str, tuple[str, Asset]]:
    """By name: the address, which changes with the content, and the file."""
    folder = resources.files("amphv2_bootstrap.web") / "assets"
    found = {}
    for name, kind in _TYPES.items():
        body = (folder / name).read_bytes()
        digest = hashlib.sha256(body).hexdigest()[:12]
        found[name] = (f"/assets/{digest}/{name}", Asset(body, kind))
    return found


_NAMED = _assets()
ASSETS: Mapping[str, Asset] = dict(_NAMED.values())
"""The files by their addresses."""


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("amphv2_bootstrap.web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["asset"] = {name: at for name, (at, _) in _NAMED.items()}
    environment.globals["Liveness"] = Liveness
    environment.globals["has_duplicate"] = has_duplicate
    environment.filters["duration"] = words.duration
    environment.filters["clock"] = words.clock
    environment.filters["day"] = words.day_and_clock
    environment.filters["mark"] = lambda state: _MARKS.get(state, state.lower())
    return environment


def render(seen: Seen) -> bytes:
    """The page of what was seen."""
    overview = seen.overview
    values = {
        "report": overview.report,
        "picture": draw(overview),
        "notes": notes(overview),
        "conductors": overview.conductors,
        "drains": overview.drains,
        "jobs": overview.jobs,
        "count": _count(overview.report),
        "seen_at": words.at(overview.now),
        "running_for": overview.now - overview.began_at,
        "trouble": str(seen.trouble) if seen.trouble else None,
        "age": seen.age if seen.age > _FRESH else None,
    }
    return _environment().get_template("page.html").render(values).encode()


def render_failure(text: str) -> bytes:
    """The page where there is nothing to show; it tries again, as the other does."""
    return _environment().get_template("failure.html").render(text=text).encode()


def _count(report: Mapping[str, Any] | None) -> tuple[int, int]:
    """How many steps are done, and how many there are."""
    flows = report["flows"] if report else []
    states = [step["state"] for flow in flows for step in flow["tasks"]]
    return states.count("SUCCESS"), len(states)
