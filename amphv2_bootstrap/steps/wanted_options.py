# SPDX-License-Identifier: Apache-2.0
"""The options of Octavia's ``[task_flow]`` that are wanted on this host."""

from collections.abc import Mapping

from amphv2_bootstrap.adapters.mysql import database_url
from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Value
from amphv2_bootstrap.spec.octavia_options import (
    BY_NAME,
    KEYFILE_PASSWORD,
    SECRET_OPTIONS,
    TASK_FLOW_OPTIONS,
)
from amphv2_bootstrap.spec.task_flow_group import switch_of, uses_tls
from amphv2_bootstrap.steps.base import Context

SECTION = "task_flow"

_CONNECTION = "persistence_connection"
_ZOOKEEPER_TLS = "jobboard_zookeeper_ssl_options"
_REDIS_TLS = "jobboard_redis_backend_ssl_options"
_ETCD_TLS = "jobboard_etcd_ssl_options"


def wanted_options(context: Context) -> dict[str, str]:
    """The wanted options as octavia.conf holds them; the result holds secrets.

    :raises PermanentError: this host lacks a secret of the specification, or
        octavia.conf can't hold a value.
    """
    rendered = {}
    for name, value in wanted_values(context).items():
        try:
            rendered[name] = conf_file.render(value)
        except ValueError as exc:
            raise PermanentError(
                f"write the option {name}",
                on=context.host.config_file,
                why=str(exc),
                todo="Choose another value; octavia.conf can't hold this one.",
            ) from exc
    return rendered


def wanted_values(context: Context) -> dict[str, Value]:
    """The wanted options, typed as by oslo.config; the result holds secrets.

    :raises PermanentError: this host lacks a secret of the specification.
    """
    given = dict(context.spec.task_flow)
    for name in SECRET_OPTIONS:
        text = _secret(context, name)
        if text is not None:
            given[name] = text
    given[_CONNECTION] = database_url.with_password(
        context.spec.persistence, _secret(context, "persistence_password")
    )
    keyfile_password = _secret(context, KEYFILE_PASSWORD)
    if keyfile_password is not None:
        tls = given.get(_ZOOKEEPER_TLS, {})
        assert isinstance(tls, Mapping)  # noqa: S101 - of kind dict
        given[_ZOOKEEPER_TLS] = {**tls, "keyfile_password": keyfile_password}
    if given.get("jobboard_redis_sentinel"):
        # taskflow up to 5.12 fails on the other keys of Octavia's default.
        given.setdefault(_REDIS_TLS, {"ssl": "False"})
    return {
        option.name: _complete(option.name, given[option.name])
        for option in TASK_FLOW_OPTIONS
        if option.name in given
        # Octavia takes any use_ssl, even False, for https: without TLS write none.
        and (option.name != _ETCD_TLS or uses_tls(given[_ETCD_TLS]))
    }


def _secret(context: Context, name: str) -> str | None:
    """The secret's text; None if the specification doesn't name that secret."""
    if name not in context.spec.secret_names:
        return None
    text = context.secrets.text(name)
    if text is None:
        raise PermanentError(
            f"find the secret {name}",
            on=context.host.name,
            why="this host's configuration doesn't hold it, but the job needs it",
            todo="Set it here to the same value as on the host that posted the job.",
        )
    return text


def _complete(name: str, value: Value) -> Value:
    """A dict option with Octavia's defaults, all of which a written value replaces.

    Defaults of None are left out: written, they would be the text "None". All three
    drivers take a missing key for None. Without TLS only the switch is written: with
    Sentinel, taskflow up to 5.12 fails on every other key (LP 2102707).
    """
    option = BY_NAME[name]
    default = option.default
    if not isinstance(value, Mapping) or not isinstance(default, Mapping):
        return value
    if not uses_tls(value):
        return {switch_of(option): "False"}
    filled = {key: str(entry) for key, entry in default.items() if entry is not None}
    filled.update((key, entry) for key, entry in value.items() if entry)
    return filled
