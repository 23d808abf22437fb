# SPDX-License-Identifier: Apache-2.0
"""Whether load balancers use the jobboard: that depends on their provider driver.

Of Octavia's own drivers only those of its module ``amphora_driver.v2`` use it: up to
8 (Wallaby) ``amphorav2``, while the default one, ``amphora``, doesn't; from 9 on
``amphora``, too, while ``amphorav1`` of some of these releases doesn't.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from amphv2_bootstrap.adapters.octavia import conf_file, introspection
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import HostSettings
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import loaded

_MODULE = "octavia.api.drivers.amphora_driver.v2."
_NEWEST = dict.fromkeys(("amphora", "amphorav2", "octavia"), _MODULE)
_DESCRIPTION = "The Octavia Amphora driver with a jobboard."
_DEFAULT = introspection.DEFAULT_PROVIDER.dest
_ENABLED = introspection.ENABLED_PROVIDERS.dest


class Use(NamedTuple):
    """The load balancers that use the jobboard (a clause), and warnings."""

    text: str
    warnings: tuple[str, ...] = ()


class _Drivers(NamedTuple):
    """Octavia's own drivers: all of them, those that use the jobboard, the best one."""

    own: frozenset[str]
    using: frozenset[str]
    best: str


def use(context: Context, sources: Sequence[str]) -> Use:
    """Which load balancers use it, according to the files that Octavia loads.

    :raises PermanentError: load balancers of the default provider never do, and that
        isn't a driver beside Octavia's own; or the files can't be loaded.
    """
    drivers = _drivers(context.host)
    default, enabled = introspection.load_providers(
        interpreter_of(context.host), sources
    )
    if default not in enabled:
        why = f"{_DEFAULT} is {default}, which {_ENABLED} doesn't have"
        raise _unused(context, sources, drivers, why)
    if default in drivers.using:
        return Use(f"load balancers of {default}, the default provider, use it")
    there = sorted(drivers.using & enabled.keys())
    if default in drivers.own or not there:
        why = f"load balancers of {default}, the default provider, never use it"
        raise _unused(context, sources, drivers, why)
    only = f"only load balancers of the provider {' or '.join(there)} use it"
    return Use(only, (f"The default provider is {default}: {only}.",))


def drivers_using_it(host: HostSettings) -> frozenset[str]:
    """The names of this host's provider drivers that use the jobboard.

    :raises PermanentError: Octavia's Python can't be run.
    """
    return _drivers(host).using


def refuse_unused_jobboard(context: Context) -> tuple[str, ...]:
    """Before the file is changed; changes nothing, and returns warnings.

    :raises PermanentError: no load balancer of the default provider would use the
        jobboard, and the job isn't asked to set another one.
    """
    if context.spec.set_default_provider:
        return ()
    return use(context, loaded(context)).warnings


def provider_options(context: Context, text: bytes) -> dict[str, str]:
    """What octavia.conf's text lacks of a default provider that uses the jobboard.

    Empty where the job isn't asked for it.

    :raises PermanentError: the text can't be parsed, or can't hold the value.
    """
    if not context.spec.set_default_provider:
        return {}
    drivers = _drivers(context.host)
    try:
        default, enabled = _written(text)
        if default in drivers.using and default in enabled:
            return {}
        name = default if default in drivers.using else drivers.best
        wanted = {_DEFAULT: name}
        if name not in enabled:
            wanted[_ENABLED] = conf_file.render(_with(enabled, name))
        return wanted
    except ValueError as exc:
        raise PermanentError(
            "set Octavia's default provider",
            on=context.host.config_file,
            why=str(exc),
            todo=_advice(drivers),
        ) from exc


def _drivers(host: HostSettings) -> _Drivers:
    """Those of this host's Octavia; of the newest one where it isn't known."""
    python = interpreter_of(host)
    found = (introspection.providers(python) if python else {}) or _NEWEST
    using = {name for name, where in found.items() if where.startswith(_MODULE)}
    best = "amphora" if "amphora" in using else "amphorav2"
    return _Drivers(frozenset(found), frozenset(using), best)


def _written(content: bytes) -> tuple[str, Mapping[str, str]]:
    """What the text alone says of the default provider and of the enabled ones.

    :raises ValueError: it can't be parsed.
    """
    found = conf_file.get_options(content, introspection.API_GROUP)
    default = found.get(_DEFAULT, introspection.DEFAULT_PROVIDER.default)
    if _ENABLED not in found:
        return default, introspection.ENABLED_PROVIDERS.default
    try:
        text = found[_ENABLED].replace("$$", "$")
        return default, introspection.ENABLED_PROVIDERS.type(text)
    except ValueError:
        raise ValueError(f"the value of {_ENABLED} can't be read") from None


def _with(enabled: Mapping[str, str], name: str) -> dict[str, str]:
    texts = {each: description or each for each, description in enabled.items()}
    return {**texts, name: _DESCRIPTION}


def _unused(
    context: Context, sources: Sequence[str], drivers: _Drivers, why: str
) -> PermanentError:
    return PermanentError(
        "check that load balancers use the jobboard",
        on=" with ".join(sources),
        why=why,
        todo=f"{_advice(drivers)} Or set [octavia] set_default_provider = true on all "
        "controllers, and post the job anew: it then sets that.",
    )


def _advice(drivers: _Drivers) -> str:
    return (
        f"In [{introspection.API_GROUP}] on all controllers, set {_DEFAULT} = "
        f"{drivers.best}, and let {_ENABLED} have {drivers.best}:{_DESCRIPTION}"
    )
