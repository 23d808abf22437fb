# SPDX-License-Identifier: Apache-2.0
"""Builds oslo.config's options from our table of Octavia's."""

from typing import Any

from oslo_config import cfg

from amphv2_bootstrap.spec.octavia_options import TaskFlowOption


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
