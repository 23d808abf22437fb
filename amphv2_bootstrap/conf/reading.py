# SPDX-License-Identifier: Apache-2.0
"""Read every option's value from oslo.config, and collect all errors."""

from collections.abc import Iterator, Mapping
from typing import Any

from oslo_config import cfg

from amphv2_bootstrap.conf.loading import list_opts
from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.spec.model import has_control_character

Values = Mapping[str, Any]
"""The values of one group by option name, typed as oslo.config types them."""


def read(conf: cfg.ConfigOpts, problems: Problems) -> Mapping[str, Values]:
    """The values by group; an option that can't be read gets its default.

    oslo.config converts a value only when it is read, and raises if it can't: each
    option is read by itself, so that all errors are collected.
    """
    groups = {
        group: {opt.dest: _value(conf, group, opt, problems) for opt in options}
        for group, options in list_opts()
    }
    for name in conf:
        if name not in groups and name not in groups["DEFAULT"]:
            _check_log_option(conf, name, problems)
    return groups


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
