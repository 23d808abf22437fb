# SPDX-License-Identifier: Apache-2.0
"""octavia.conf of this host, with the wanted options in place of what it has."""

from collections.abc import Mapping

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.octavia import conf_file, meaning
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.wanted_options import SECTION, wanted_options


def with_options(text: bytes, options: Mapping[str, str], path: str) -> bytes:
    """The file's text with these options set; what means the same stays as it is.

    :raises PermanentError: it can't be parsed; the error holds no text of it.
    """
    try:
        return conf_file.set_options(text, SECTION, options, meaning.same_text)
    except ValueError as exc:
        raise PermanentError(
            "set options of Octavia",
            on=path,
            why=str(exc),
            todo="Correct the file; Octavia's services can't load it either.",
        ) from exc


def refuse_unwritable(context: Context) -> None:
    """Refuse a file that lacks wanted options and can't be replaced; change nothing.

    :raises PermanentError: it is such a file, or can't be read or parsed.
    """
    path = context.host.config_file
    before = durable_file.read(path)
    if with_options(before, wanted_options(context), path) != before:
        durable_file.check_replaceable(path)
