# SPDX-License-Identifier: Apache-2.0
"""The values of a new configuration file, and its text."""

import contextlib
import os
import textwrap
from collections.abc import Iterator
from typing import Any

from oslo_config import cfg

from amphv2_bootstrap.adapters.octavia.conf_file import render
from amphv2_bootstrap.conf.loading import list_opts, load
from amphv2_bootstrap.conf.octavia_settings import Target
from amphv2_bootstrap.conf.options.secret_files import file_option
from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.conf.reading import read
from amphv2_bootstrap.errors import InvalidInputError

_SHOWN = {
    "DEFAULT": ("host",),
    "task_flow": ("persistence_connection",),
    "octavia": (
        "config_file",
        "controllers",
        "admin_connection",
        "persistence_connection",
        "jobboard_backend_driver",
        "jobboard_backend_hosts",
        "jobboard_backend_port",
        "jobboard_backend_password",
        "jobboard_redis_sentinel",
        "jobboard_expiration_time",
    ),
}
"""What an operator has to decide: the file has these also where they aren't set."""


class Draft:
    """The values by group and option, as they are meant: nothing is doubled."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], list[str]] = {}

    def set(self, group: str, option: str, *values: str) -> None:
        """Set an option; several values are a line each."""
        self._values[group, option] = list(values)

    def add(self, group: str, option: str, value: str) -> None:
        """Add a line to an option."""
        self._values.setdefault((group, option), []).append(value)

    def get(self, group: str, option: str) -> str:
        """The last value; empty if it isn't set."""
        return self._values.get((group, option), [""])[-1]

    def has(self, group: str, option: str) -> bool:
        """Whether it is set, or the option that names its file."""
        names = (option, file_option(option))
        return any((group, name) in self._values for name in names)

    def target(self) -> Target:
        """``[octavia]`` as it is so far, whatever is wrong with it."""
        with self.loaded() as conf:
            values = read(conf, Problems())
        return Target(values["octavia"], values["DEFAULT"], Problems())

    @contextlib.contextmanager
    def loaded(self) -> Iterator[cfg.ConfigOpts]:
        """The configuration, from memory: it has secrets, and may be refused.

        :raises InvalidInputError: a value has a line break.
        """
        handle = os.memfd_create("amphv2-bootstrap.conf")
        try:
            os.fchmod(handle, 0o600)
            os.write(handle, self.text().encode())
            yield load(config_files=[f"/proc/self/fd/{handle}"])
        finally:
            os.close(handle)

    def text(self, *head: str) -> str:
        """The file; ``head`` are the lines of its first comment.

        :raises InvalidInputError: a value has a line break.
        """
        known = {group: {opt.name: opt for opt in opts} for group, opts in list_opts()}
        groups = [*known, *(group for group, _ in self._values)]
        lines = [*(f"# {line}" for line in head), ""]
        for group in dict.fromkeys(groups):
            found = list(self._group(group, known.get(group, {})))
            lines += [f"[{group}]", *found] if found else []
        return "\n".join(lines)

    def _group(self, group: str, known: dict[str, cfg.Opt]) -> Iterator[str]:
        set_here = [name for where, name in self._values if where == group]
        shown = _SHOWN.get(group, ())
        for name in (*known, *(name for name in set_here if name not in known)):
            values = self._values.get((group, name))
            if values is None and name not in shown:
                continue
            yield from _comment(known.get(name))
            for value in values or ():
                yield f"{name} = {_rendered(group, name, value)}"
            if values is None:
                yield f"#{name} = {_default(known[name])}"
            yield ""


def _comment(option: cfg.Opt | None) -> Iterator[str]:
    text = option.help if option else ""
    yield from (f"# {line}" for line in textwrap.wrap(text or "", 78))


def _rendered(group: str, name: str, value: str) -> str:
    try:
        return render(value)
    except ValueError as exc:
        raise InvalidInputError([f"[{group}] {name}: {exc}. Remove it."]) from None


def _default(option: cfg.Opt) -> str:
    default: Any = option.sample_default or option.default
    if isinstance(default, list):
        return ",".join(map(str, default))
    return "<not set>" if default is None else str(default)
