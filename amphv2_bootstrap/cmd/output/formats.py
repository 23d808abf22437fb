# SPDX-License-Identifier: Apache-2.0
"""Output formats of our own: the defaults of some commands."""

import abc
import argparse
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, TextIO

from cliff.formatters.base import ListFormatter


class OwnFormats:
    """Mixin of commands with a format of their own, before cliff's class.

    Such formats have a namespace of ours, so that other cliff programs don't see
    them.
    """

    formats: ClassVar[str]
    """The namespace of entry points, below ours."""
    default_format: ClassVar[str]

    @property
    def formatter_namespace(self) -> str:
        return f"amphv2_bootstrap.{self.formats}"

    @property
    def formatter_default(self) -> str:
        return self.default_format


class RowsFormatter(ListFormatter, metaclass=abc.ABCMeta):
    """Formats a list of rows; subclasses define :meth:`write`."""

    def add_argument_group(self, parser: argparse.ArgumentParser) -> None:
        """It has no arguments."""

    def emit_list(
        self,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        rows = [dict(zip(column_names, row, strict=True)) for row in data]
        self.write(rows, stdout)

    @abc.abstractmethod
    def write(self, rows: Sequence[dict[str, Any]], stdout: TextIO) -> None:
        """Write the rows; with ``-c`` a row has the requested columns only."""
