# SPDX-License-Identifier: Apache-2.0
"""Options under Octavia's names, made from the table of Octavia's options."""

from typing import Any

from oslo_config import cfg

from amphv2_bootstrap.spec.octavia_options import BY_NAME, TaskFlowOption

# Octavia accepts lower values, but then fails at run time.
_MINIMA = {
    "jobboard_backend_port": 1,
    "jobboard_expiration_time": 5,
    "jobboard_etcd_timeout": 1,
    "max_workers": 1,
}


def named(name: str, note: str = "", **arguments: Any) -> cfg.Opt:
    """The option ``name`` of Octavia's ``[task_flow]``, for a group of ours.

    Type, limits and secrecy are Octavia's. The default is None unless ``arguments``
    give one. ``note`` follows the help text.
    """
    option = BY_NAME[name]
    sentences = [option.help, *_about(option), note]
    kind = getattr(cfg, f"{option.kind.title()}Opt")
    found: cfg.Opt = kind(
        name,
        secret=option.secret or bool(option.secret_keys),
        help=" ".join(sentence for sentence in sentences if sentence),
        **{**_limits(option), **arguments},
    )
    return found


def _limits(option: TaskFlowOption) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    minimum = _MINIMA.get(option.name, option.minimum)
    if minimum is not None:
        limits["min"] = minimum
    if option.maximum is not None:
        limits["max"] = option.maximum
    if option.choices:
        limits["choices"] = option.choices
    return limits


def _about(option: TaskFlowOption) -> list[str]:
    sentences = []
    if option.drivers:
        sentences.append(f"Read by: {', '.join(option.drivers)}.")
    if option.keys:
        keys = ", ".join(option.keys)
        sentences.append(
            f"Write key:value,key:value with the keys {keys}. The value replaces the "
            "whole default, so name every key that matters."
        )
    return sentences
