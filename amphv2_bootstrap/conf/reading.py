# SPDX-License-Identifier: Apache-2.0
"""Taking every option's value out of oslo.config, with all errors collected."""

from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from amphv2_bootstrap.conf.loading import list_opts
from amphv2_bootstrap.conf.problems import Problems

Values = Mapping[str, Any]
"""The values of one group by option name, typed as oslo.config types them."""


def read(conf: cfg.ConfigOpts, problems: Problems) -> Mapping[str, Values]:
    """The values by group; an option that can't be read has its default.

    oslo.config converts a value when it is asked for it, and stops at the
    first that it can't: so each is asked for by itself.
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
        problems.unreadable("DEFAULT", name, what, "See the reference of oslo.log")


def _value(
    conf: cfg.ConfigOpts, group: str, option: cfg.Opt, problems: Problems
) -> Any:
    source = conf if group == "DEFAULT" else conf[group]
    try:
        return getattr(source, option.dest)
    except ValueError as exc:
        what = f"isn't valid: {_reason(option, exc)}"
        problems.unreadable(group, option.name, what, f"Give {_kind(option)}")
    except cfg.Error:
        # Its text quotes what follows the $, which may be part of a secret.
        problems.unreadable(
            group,
            option.name,
            "has a single $, which refers to another option",
            "Write $$ for each $ that is meant as it stands",
        )
    return option.default


def _reason(option: cfg.Opt, exc: ValueError) -> str:
    if option.secret:
        return "it isn't of its type (the value is a secret and not shown)"
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
