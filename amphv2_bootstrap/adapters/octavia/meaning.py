# SPDX-License-Identifier: Apache-2.0
"""Compares values of ``[task_flow]`` by what Octavia's drivers make of them.

Deployment tools write ``yes`` for ``True``, a list with spaces, a dictionary that says
what the default says, or a URL with other letters encoded. Such values are equal: the
file must not be touched for them, nor a service restarted.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from oslo_config import cfg

from amphv2_bootstrap.adapters.mysql import database_url
from amphv2_bootstrap.spec.model import plain
from amphv2_bootstrap.spec.octavia_options import BY_NAME, ETCD, TaskFlowOption
from amphv2_bootstrap.spec.task_flow_group import is_boolean, is_true, switch_of

_MYSQL_PORT = 3306
_DOLLAR = re.compile(r"\\\$|\$\$|\$")


def same_text(name: str, one: str, other: str) -> bool:
    """Whether two texts of octavia.conf, unquoted, mean the same.

    False also where a value can't be read, or refers to another option.
    """
    try:
        values = [_typed(name, text) for text in (one, other)]
    except ValueError:
        return one == other
    return same(name, *values)


def same(name: str, one: Any, other: Any) -> bool:
    """Whether two values of an option, typed as by oslo.config, mean the same."""
    return bool(meaning(name, one) == meaning(name, other))


def meaning(name: str, value: Any) -> Any:
    """A form of the value that is equal for all values that mean the same.

    It holds secrets where the value does. Without TLS a dictionary has only its
    switch, and keys that aren't those of TLS: the drivers read no other.
    """
    option = BY_NAME.get(name)
    if option is None or value is None:
        return plain(value)
    if name == "persistence_connection":
        return _url(str(value))
    if name == "jobboard_backend_hosts":
        return [str(host).lower() for host in value]
    if isinstance(value, Mapping) and option.keys:
        return _tls(option, value)
    return plain(value)


def _tls(option: TaskFlowOption, value: Mapping[str, Any]) -> dict[str, Any]:
    switch = switch_of(option)
    if switch not in value and option.drivers == (ETCD,):
        return dict(value)  # Octavia fails on it
    # Octavia takes any text, even "False", for https with etcd.
    is_on = bool if option.drivers == (ETCD,) else is_true
    if not is_on(value.get(switch)):
        others = {key: value[key] for key in value if key not in option.keys}
        return {switch: False, **others}
    default = option.default if isinstance(option.default, Mapping) else {}
    merged = {**default, **{key: entry for key, entry in value.items() if entry}}
    merged[switch] = True
    return {key: _entry(entry) for key, entry in merged.items() if entry is not None}


def _entry(entry: Any) -> Any:
    text = str(entry)
    return is_true(text) if is_boolean(text) else text


def _url(text: str) -> str:
    try:
        url, password = database_url.parse(text)
    except ValueError:
        return text
    same_url = dataclasses.replace(
        url,
        host=url.host and url.host.lower(),
        port=None if url.port == _MYSQL_PORT else url.port,
        database=url.database and unquote(url.database),
    )
    return database_url.with_password(same_url, password)


def _typed(name: str, text: str) -> Any:
    """:raises ValueError: Octavia refuses the text, or it refers to an option."""
    option = BY_NAME.get(name)
    return oslo_option(option).type(_unescaped(text)) if option else text


def _unescaped(text: str) -> str:
    def replaced(found: re.Match[str]) -> str:
        if found[0] == "$":
            raise ValueError("the value refers to an option")
        return "$"

    return _DOLLAR.sub(replaced, text)


def oslo_option(option: TaskFlowOption) -> cfg.Opt:
    """The option as Octavia declares it."""
    settings: dict[str, Any] = {"default": option.default, "secret": option.secret}
    if isinstance(option.default, tuple):
        settings["default"] = list(option.default)
    if option.kind in ("int", "port"):
        settings.update(min=option.minimum, max=option.maximum)
    elif option.choices:
        settings["choices"] = option.choices
    kind: type[cfg.Opt] = getattr(cfg, f"{option.kind.title()}Opt")  # cfg.StrOpt ...
    return kind(option.name, **settings)
