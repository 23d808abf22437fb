# SPDX-License-Identifier: Apache-2.0
"""What the commands share whose output is for readers, unless another is asked for."""

import abc
import argparse
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, TextIO

from cliff.formatters.base import ListFormatter


class OwnFormats:
    """Mixed in before a cliff command that has a format of its own.

    Its formats are a namespace of ours: one of ours must not show up in other cliff
    programs.
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
    """A list for readers, row by row; subclasses say how in :meth:`write`."""

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
        """Write them; with ``-c`` a row has only the columns that were asked for."""
