# SPDX-License-Identifier: Apache-2.0
"""Secrets in files of their own, such as systemd's credentials (LoadCredential=)."""

import functools
from collections.abc import Iterator, Sequence

from oslo_config import cfg


def with_files(options: Sequence[cfg.Opt]) -> list[cfg.Opt]:
    """The options; behind each secret text, the option that names its file."""
    return [each for option in options for each in (option, *_file_options(option))]


def file_option(name: str) -> str:
    """The name of the option for the file of the secret option ``name``."""
    return f"{name}_file"


@functools.cache
def _file_option(name: str) -> cfg.Opt:
    return cfg.StrOpt(
        file_option(name),
        help=(
            f"File (absolute path) with the value of {name}, which then isn't set "
            "itself. One line, in which nothing is doubled or quoted; only root may "
            "read the file. It may be a credential of systemd (LoadCredential=)."
        ),
    )


def _file_options(option: cfg.Opt) -> Iterator[cfg.Opt]:
    name = secret_name(option)
    if name:
        yield _file_option(name)


def secret_name(option: cfg.Opt) -> str:
    """The name of an option for a secret text; empty for another one."""
    return option.name if option.secret and isinstance(option, cfg.StrOpt) else ""
