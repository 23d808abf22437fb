# SPDX-License-Identifier: Apache-2.0
"""Lists that fit the terminal."""

import argparse
import io
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from cliff.formatters.table import TableFormatter

from amphv2_bootstrap.cmd.output.fitting import columns_of, fitted
from amphv2_bootstrap.cmd.output.formats import OwnFormats

_NO_LIMIT = 10**6


class ListFormats(OwnFormats):
    """Mixin of commands that list rows, before cliff's class."""

    formats = "list_formatters"
    default_format = "table"


class FittingTableFormatter(TableFormatter):
    """A table; where the terminal is too narrow for it, a paragraph for each row.

    A paragraph leaves out what is empty.
    """

    def emit_list(
        self,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        columns = columns_of(stdout)
        if columns is None or parsed_args.fit_width or parsed_args.max_width:
            super().emit_list(column_names, data, stdout, parsed_args)
            return
        rows, table = list(data), io.StringIO()
        # Otherwise it would break times and ids in pieces.
        unbroken = {**vars(parsed_args), "max_width": _NO_LIMIT}
        super().emit_list(column_names, rows, table, argparse.Namespace(**unbroken))
        text = table.getvalue()
        if _width(text) > columns:
            text = "".join(_paragraph(column_names, row, columns) for row in rows)
        stdout.write(text)


def _width(text: str) -> int:
    return max(map(len, text.splitlines()), default=0)


def _paragraph(names: Sequence[str], row: Sequence[Any], columns: int) -> str:
    pairs = zip(names, row, strict=True)
    text = "  ".join(
        f"{name}: {value}" for name, value in pairs if value not in ("", None)
    )
    return f"{fitted(text, columns)}\n"
