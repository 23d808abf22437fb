# SPDX-License-Identifier: Apache-2.0
"""Which options of Octavia's ``[task_flow]`` this host's octavia.conf shall have."""

from collections.abc import Mapping

from amphv2_bootstrap.adapters.mysql import database_url
from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Value
from amphv2_bootstrap.spec.octavia_options import BY_NAME, TASK_FLOW_OPTIONS
from amphv2_bootstrap.spec.task_flow_group import uses_tls
from amphv2_bootstrap.steps.base import Context

SECTION = "task_flow"

_CONNECTION = "persistence_connection"
_PERSISTENCE_PASSWORD = "persistence_password"  # noqa: S105 - its name
_KEYFILE_PASSWORD = "jobboard_zookeeper_keyfile_password"  # noqa: S105 - its name
_ZOOKEEPER_TLS = "jobboard_zookeeper_ssl_options"
_ETCD_TLS = "jobboard_etcd_ssl_options"


def wanted_options(context: Context) -> dict[str, str]:
    """The options as they are to be written; the result holds secrets.

    :raises PermanentError: this host lacks a secret of the specification, or a
        value can't be held by octavia.conf.
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
                todo="Choose a value without that; octavia.conf can't hold it.",
            ) from exc
    return rendered


def wanted_values(context: Context) -> dict[str, Value]:
    """The same, typed as oslo.config types them; the result holds secrets.

    :raises PermanentError: this host lacks a secret of the specification.
    """
    given = {**context.spec.task_flow, **_secret_options(context)}
    given[_CONNECTION] = database_url.with_password(
        context.spec.persistence, _secret(context, _PERSISTENCE_PASSWORD)
    )
    keyfile_password = _secret(context, _KEYFILE_PASSWORD)
    if keyfile_password is not None:
        tls = given.get(_ZOOKEEPER_TLS, {})
        assert isinstance(tls, Mapping)  # noqa: S101 - of kind dict
        given[_ZOOKEEPER_TLS] = {**tls, "keyfile_password": keyfile_password}
    return {
        option.name: _complete(option.name, given[option.name])
        for option in TASK_FLOW_OPTIONS
        if option.name in given
        # Octavia takes any use_ssl for https: so none is written for no TLS.
        and (option.name != _ETCD_TLS or uses_tls(given[_ETCD_TLS]))
    }


def _secret_options(context: Context) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for option in TASK_FLOW_OPTIONS:
        if option.secret and option.name != _CONNECTION:
            text = _secret(context, option.name)
            if text is not None:
                found[option.name] = text
    return found


def _secret(context: Context, name: str) -> str | None:
    """The secret's text; None where the specification names no such secret."""
    if name not in context.spec.secret_names:
        return None
    text = context.secrets.text(name)
    if text is None:
        raise PermanentError(
            f"find the secret {name}",
            on=context.host.name,
            why="this host's configuration doesn't hold it, but the job needs it",
            todo="Set it here as on the host that posted the job.",
        )
    return text


def _complete(name: str, value: Value) -> Value:
    """Fill up a dict option: what is written replaces Octavia's whole default.

    Defaults of None are left out: written, they would be the text "None", and
    all three drivers take a missing key for None.
    """
    default = BY_NAME[name].default
    if not isinstance(value, Mapping) or not isinstance(default, Mapping):
        return value
    filled = {key: str(entry) for key, entry in default.items() if entry is not None}
    filled.update((key, entry) for key, entry in value.items() if entry)
    return filled
