# SPDX-License-Identifier: Apache-2.0
"""The results of a benchmark: values for programs, rows for people."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``limit`` is the target for ``value``."""

    what: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """``ok`` or ``missed``; empty without a target."""
        if self.limit is None:
            return ""
        met = self.value >= self.limit if self.at_least else self.value <= self.limit
        return "ok" if met else "missed"

    @property
    def target(self) -> str:
        """The target in words; empty without one."""
        if self.limit is None:
            return ""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One key of the JSON file with its values, and its rows of the table."""

    name: str
    values: Mapping[str, Any]
    rows: Sequence[Row] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: ``quick`` only checks that the benchmarks work."""

    quick: bool

    def of(self, full: int, quick: int) -> int:
        """A number of rounds, posts or jobs."""
        return quick if self.quick else full


def median(values: Sequence[float]) -> float:
    """The median, rounded."""
    return rounded(statistics.median(values))


def p99(values: Sequence[float]) -> float:
    """The smallest value that 99 % of the values don't exceed."""
    return rounded(sorted(values)[math.ceil(0.99 * len(values)) - 1])


def rounded(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


def table(figures: Sequence[Figure]) -> str:
    """All rows as a table in plain text."""
    lines = [("figure", "what", "measured", "", "target", "")]
    for figure in figures:
        name = figure.name
        for row in figure.rows:
            value = f"{row.value:,.4g}" if row.value < 1000 else f"{row.value:,.0f}"
            lines.append((name, row.what, value, row.unit, row.target, row.verdict))
            name = ""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if at == 2 else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
