# SPDX-License-Identifier: Apache-2.0
"""Whether all controllers of a cloud agree, according to their reports.

Different configurations look like random failures, since any controller may take a
job. A report has the form of
:class:`amphv2_bootstrap.adapters.octavia.controller_report.ControllerReport`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amphv2_bootstrap.checks.finding import FAILED, OK, WARNING, Finding
from amphv2_bootstrap.spec.clocks import CLOCK_ERROR_SECONDS, CLOCK_WARNING_SECONDS
from amphv2_bootstrap.spec.octavia_options import BY_NAME
from amphv2_bootstrap.spec.task_flow_group import driver_of

# These depend on the size of the host.
_OF_HOST = ("max_workers",)
_EQUAL = (
    "Make [octavia] of amphv2-bootstrap.conf equal on all controllers and post the "
    "job again, or correct octavia.conf there."
)
_FIX = "Fix that: Octavia's services may be unable to start there, too."
RESTART = "Restart them, or resume the job, which restarts them."

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Controller:
    """One controller as the engine's database knows it.

    ``content`` is its report, None if there is none; then ``unreadable`` may say
    why. ``seen_ago`` is how many seconds ago it was last seen, None if never;
    ``is_silent`` says that this is too long. ``version`` is this package's on it,
    ``clock_offset`` how many seconds its clock was ahead of the database's.
    """

    host: str
    content: Mapping[str, Any] | None = None
    unreadable: str | None = None
    version: str = ""
    clock_offset: float = 0.0
    seen_ago: float | None = None
    is_silent: bool = False


def compare(controllers: Sequence[Controller]) -> Iterator[Finding]:
    """Every difference between these, and everything that can't be compared."""
    known = [one for one in controllers if one.content is not None]
    yield from _presence(controllers)
    yield from _options(known)
    yield from _versions(known)
    yield from _libraries(known)
    yield from _files(known)
    yield from _clocks(known)
    yield from _restarts(known)


def obstacles(controllers: Sequence[Controller]) -> Iterator[Finding]:
    """What these have reported of themselves that a job there would fail on."""
    for one in controllers:
        if one.unreadable:
            message = f"the configuration of {one.host} isn't known: {one.unreadable}"
            yield Finding("controllers", FAILED, message, _FIX)
    yield from _files([one for one in controllers if one.content is not None])


def other_databases(controllers: Sequence[Controller], wanted: str) -> Iterator[str]:
    """Which of these take another database for the wanted one, as full sentences.

    A report has that only if it is Octavia's own server there, by default.

    :param wanted: the URL as :func:`.database_url.shown` has it.
    """
    for one in controllers:
        found = (one.content or {}).get("persistence_default", wanted)
        if found != wanted and not one.is_silent:
            yield (
                f"[octavia] persistence_connection is {wanted} here, but by the "
                f"[database] connection of {one.host}'s octavia.conf it is {found} "
                "there. Make the two equal and reload the conductor, or set "
                "persistence_connection on all controllers."
            )


def _presence(controllers: Sequence[Controller]) -> Iterator[Finding]:
    todo = "Start amphv2-conductor there, and look at its log."
    for one in controllers:
        if one.seen_ago is None:
            message = f"{one.host} was never seen: nothing is known of it"
            yield Finding("controllers", FAILED, message, todo)
        elif one.is_silent:
            message = f"{one.host} wasn't seen for {_span(one.seen_ago)}"
            yield Finding("controllers", FAILED, message, todo)
        elif one.content is None:
            why = one.unreadable or "it hasn't reported yet"
            message = f"{one.host} was seen, but its configuration isn't known: {why}"
            yield Finding("controllers", FAILED, message, _FIX)
        else:
            message = f"{one.host} was seen {one.seen_ago:.0f} s ago"
            yield Finding("controllers", OK, message)


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"


def _options(controllers: Sequence[Controller]) -> Iterator[Finding]:
    groups = {
        f"{one.host} ({file['config_file']})" if number else one.host: file.get(
            "task_flow", {}
        )
        for one in controllers
        for number, file in enumerate(_contents(one))
    }
    drivers = {_driver(options) for options in groups.values()}
    names = sorted({name for options in groups.values() for name in options})
    read = [name for name in names if _is_read(name, drivers)]
    found: list[Finding] = []
    for name in read:
        entries = dict(_entries(name, groups))
        found += _invalid(name, entries)
        found += _option(name, entries)
    if not found and len(groups) > 1:
        hosts = ", ".join(one.host for one in controllers)
        message = f"all {len(read)} values of [task_flow] are the same on {hosts}"
        yield Finding("agreement", OK, message)
    yield from found


def _contents(one: Controller) -> tuple[Mapping[str, Any], ...]:
    """What is reported of each octavia.conf."""
    content = one.content or {}
    return (content, *content.get("further_files", ()))


def _entries(
    name: str, groups: Mapping[str, Mapping[str, Entry]]
) -> Iterator[tuple[str, Entry]]:
    """Each host's entry, if it has one to compare."""
    whole, _, key = name.partition(".")
    for host, options in groups.items():
        if name in options:
            yield host, options[name]
        elif key and whole not in options:
            yield host, {"value": "None"}  # a dictionary without that key
        # Otherwise its Octavia doesn't know the option, or the dictionary is invalid.


def _driver(options: Mapping[str, Any]) -> str:
    return driver_of({name: entry.get("value") for name, entry in options.items()})


def _is_read(name: str, drivers: set[str]) -> bool:
    option = BY_NAME.get(name.partition(".")[0])
    return option is None or any(map(option.is_read_by, drivers))


def _invalid(name: str, entries: Mapping[str, Entry]) -> Iterator[Finding]:
    for host, entry in entries.items():
        if "invalid" in entry:
            message = f"{name} on {host} is invalid: {entry['invalid']}"
            yield Finding("agreement", FAILED, message, _EQUAL)


def _option(name: str, entries: Mapping[str, Entry]) -> Iterator[Finding]:
    kinds = {
        host: json.dumps(entry.get("digest", entry.get("value")), sort_keys=True)
        for host, entry in entries.items()
        if "invalid" not in entry
    }
    if len(set(kinds.values())) > 1:
        state = WARNING if name in _OF_HOST else FAILED
        message = f"{name} differs: {_by_value(entries, kinds)}"
        yield Finding("agreement", state, message, _EQUAL)


def _by_value(entries: Mapping[str, Entry], kinds: Mapping[str, str]) -> str:
    """``a on ctl1, ctl3; b on ctl2``; letters stand for secret values."""
    groups: dict[str, list[str]] = {}
    for host, kind in kinds.items():
        groups.setdefault(kind, []).append(host)
    labels = [_label(entries[hosts[0]]) for hosts in groups.values()]
    texts = []
    for number, (label, hosts) in enumerate(zip(labels, groups.values(), strict=True)):
        letter = f" ({chr(ord('A') + number)})" if labels.count(label) > 1 else ""
        texts.append(f"{label}{letter} on {', '.join(hosts)}")
    return "; ".join(texts)


def _label(entry: Entry) -> str:
    if "digest" in entry:
        return f"{entry['shown']}" if "shown" in entry else "a secret"
    value = entry.get("value")
    if value in (None, "None"):
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _versions(controllers: Sequence[Controller]) -> Iterator[Finding]:
    found = {one.host: (one.content or {}).get("versions", {}) for one in controllers}
    blind = [host for host, versions in found.items() if not versions]
    for name in ("octavia", "taskflow"):
        known = {host: each[name] for host, each in found.items() if name in each}
        yield from _version(name, known, FAILED)
    own = {one.host: one.version for one in controllers}
    # Conductors of different versions may leave each other's flows alone.
    yield from _version("amphv2-bootstrap", own, WARNING)
    if blind:
        yield Finding(
            "versions",
            WARNING,
            f"which Octavia runs on {', '.join(blind)} isn't known: its Python "
            "isn't on the host",
            "Compare the images by hand, or set [octavia] python there.",
        )


def _version(name: str, found: Mapping[str, Any], state: str) -> Iterator[Finding]:
    if len(set(found.values())) > 1:
        listed = "; ".join(f"{version} on {host}" for host, version in found.items())
        message = f"the versions of {name} differ: {listed}"
        todo = "Install the same one on all controllers."
        yield Finding("versions", state, message, todo)


def _libraries(controllers: Sequence[Controller]) -> Iterator[Finding]:
    for one in controllers:
        why = (one.content or {}).get("client_library")
        if why:
            yield Finding(
                "client-library",
                FAILED,
                f"Octavia on {one.host} can't import its jobboard's client: {why}",
                "Install the backend's extra of taskflow in Octavia's Python there.",
            )


def _files(controllers: Sequence[Controller]) -> Iterator[Finding]:
    for one in controllers:
        for file in _contents(one):
            if file.get("irreplaceable"):
                yield Finding(
                    "configuration",
                    WARNING,
                    f"{file['config_file']} on {one.host} can't be replaced: "
                    f"{file['irreplaceable']}",
                    "Make it a plain file in a mounted folder before the next job.",
                )


def _clocks(controllers: Sequence[Controller]) -> Iterator[Finding]:
    """Each is measured against the database's, so two may differ by twice that."""
    offsets = {one.host: one.clock_offset for one in controllers}
    spread = max(offsets.values(), default=0.0) - min(offsets.values(), default=0.0)
    worst = max(spread, *map(abs, offsets.values()), 0.0)
    if worst > CLOCK_WARNING_SECONDS:
        state = FAILED if worst > CLOCK_ERROR_SECONDS else WARNING
        listed = "; ".join(f"{offset:+.1f} s on {h}" for h, offset in offsets.items())
        message = f"clocks differ from the database's: {listed}"
        yield Finding("clocks", state, message, "Set all of them by NTP.")
    zones = {one.host: (one.content or {}).get("utc_offset") for one in controllers}
    known = {host: zone for host, zone in zones.items() if zone is not None}
    if len(set(known.values())) > 1:
        listed = "; ".join(f"UTC{zone / 3600:+g} on {h}" for h, zone in known.items())
        message = f"time zones differ: {listed}"
        todo = "Set all to UTC; otherwise times in logs are hard to compare."
        yield Finding("clocks", WARNING, message, todo)


def _restarts(controllers: Sequence[Controller]) -> Iterator[Finding]:
    for one in controllers:
        for message in (one.content or {}).get("restart", ()):
            yield Finding("services", WARNING, str(message), RESTART)
