# SPDX-License-Identifier: Apache-2.0
"""Read every option's value from oslo.config, and collect all errors."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from amphv2_bootstrap.conf.loading import list_opts
from amphv2_bootstrap.conf.options.secret_files import file_option, secret_name
from amphv2_bootstrap.conf.problems import OptionProblems, Problems
from amphv2_bootstrap.spec.model import has_control_character

_MOST_BYTES = 4096
"""More than any secret; a credential of systemd may be larger."""

Values = Mapping[str, Any]
"""The values of one group by option name, typed as oslo.config types them."""


def read(conf: cfg.ConfigOpts, problems: Problems) -> Mapping[str, Values]:
    """The values by group; an option that can't be read gets its default.

    oslo.config converts a value only when it is read, and raises if it can't: each
    option is read by itself, so that all errors are collected.
    """
    groups = {}
    for group, options in list_opts():
        found = {opt.dest: _value(conf, group, opt, problems) for opt in options}
        groups[group] = _from_files(group, found, options, problems)
    for name in conf:
        if name not in groups and name not in groups["DEFAULT"]:
            _check_log_option(conf, name, problems)
    return groups


def _from_files(
    group: str, values: dict[str, Any], options: Sequence[cfg.Opt], problems: Problems
) -> Mapping[str, Any]:
    """The group's values, with the content of the files that it names."""
    for name in map(secret_name, options):
        path = values.get(file_option(name)) if name else None
        if not path:
            continue
        place = problems.of(group, file_option(name))
        if values[name]:
            place.add(f"is set beside {name}", "Keep one of the two")
        else:
            values[name] = _content(Path(path), place)
        if values[name] is None:
            problems.unreadable.add((group, name))
    return values


def _content(path: Path, problems: OptionProblems) -> str | None:
    if not path.is_absolute():
        problems.add(f"is {path}, a relative path", "Write it from / on")
        return None
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            text = stream.read(_MOST_BYTES + 1).decode()
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it isn't UTF-8 text"
        problems.add(f"names {path}, which can't be read: {why}", "Correct it")
        return None
    line = text.removesuffix("\n")
    if not line or not line.isprintable() or len(text) > _MOST_BYTES:
        what = f"names {path}, which doesn't hold one line of printable characters"
        problems.add(what, "Write the secret, and nothing else, into it")
        return None
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        problems.warn(f"names {path}, which others may read", f"Run: chmod 0600 {path}")
    return line


def _check_log_option(conf: cfg.ConfigOpts, name: str, problems: Problems) -> None:
    try:
        getattr(conf, name)
    except (ValueError, cfg.Error) as exc:
        what = f"isn't valid: {str(exc).rpartition('is not valid: ')[2].rstrip('.')}"
        todo = "See the reference of oslo.log"
        problems.of("DEFAULT", name).unreadable(what, todo)


def _value(
    conf: cfg.ConfigOpts, group: str, option: cfg.Opt, problems: Problems
) -> Any:
    source = conf if group == "DEFAULT" else conf[group]
    try:
        value = getattr(source, option.dest)
        if not any(map(has_control_character, _texts(value))):
            return value
        what = "has a line break or another control character"
        problems.of(group, option.name).unreadable(what, "Remove it")
    except ValueError as exc:
        what = f"isn't valid: {_reason(option, exc)}"
        problems.of(group, option.name).unreadable(what, f"Write {_kind(option)}")
    except cfg.Error:
        # Its text quotes what follows the $, which may be part of a secret.
        problems.of(group, option.name).has_single_dollar()
    return option.default


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value, whatever its type."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from map(str, (*value, *value.values()))
    elif isinstance(value, list):
        yield from map(str, value)


def _reason(option: cfg.Opt, exc: ValueError) -> str:
    if option.secret:
        return "wrong type (the value is secret and not shown)"
    return str(exc).rpartition("is not valid: ")[2].rstrip(".") or "wrong type"


def _kind(option: cfg.Opt) -> str:
    bounds = [
        f"{word} {bound:g}"
        for word, bound in (
            ("at least", getattr(option.type, "min", None)),
            ("at most", getattr(option.type, "max", None)),
        )
        if bound is not None
    ]
    choices = getattr(option.type, "choices", None)
    if choices:
        return "one of " + ", ".join(choices)
    kinds: dict[type[cfg.Opt], str] = {
        cfg.PortOpt: "a port number",
        cfg.IntOpt: "a whole number",
        cfg.FloatOpt: "a number",
        cfg.BoolOpt: "true or false",
        cfg.DictOpt: "key:value pairs with commas between them",
    }
    kind = kinds.get(type(option), "a value of its type")
    return " ".join([kind, " and ".join(bounds)]).strip()
