# SPDX-License-Identifier: Apache-2.0
"""``python -m benchmarks``: measure, print the table, write the JSON file."""

import argparse
import datetime
import importlib
import json
import logging
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import Effort, Figure, table
from benchmarks.servers import running_servers

FIGURES = {
    "step_ms": "benchmarks.step",
    "post_to_first_step_ms": "benchmarks.post",
    "claim_pass_ms": "benchmarks.claim_pass",
    "takeover_s": "benchmarks.takeover",
    "bootstrap_s": "benchmarks.bootstrap",
    "cli_s": "benchmarks.cli",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chosen benchmarks one after the other."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger("amphv2_bootstrap").setLevel(logging.CRITICAL)
    try:
        figures = _measure(arguments.only or FIGURES, Effort(arguments.quick))
    except (pytest.fail.Exception, pytest.skip.Exception) as exc:
        # A server of the tests is not installed.
        print(f"ERROR: {exc}", file=sys.stderr)
        return 1
    print(table(figures))
    if arguments.json:
        values: dict[str, Any] = {each.name: each.values for each in figures}
        text = json.dumps({"run": _run(arguments.quick), **values}, indent=1)
        arguments.json.write_text(text + "\n")
    return 0


def _measure(names: Sequence[str] | dict[str, str], effort: Effort) -> list[Figure]:
    found = []
    with running_servers() as servers:
        for name in names:
            print(f"==> {name}", file=sys.stderr, flush=True)
            module = importlib.import_module(FIGURES[name])
            found.append(module.benchmark(servers, effort))
    return found


def _run(quick: bool) -> dict[str, Any]:
    """The time and the machine of the run."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "quick": quick,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Run the benchmarks; see doc/source/performance.rst.",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it here, too")
    parser.add_argument(
        "--only", nargs="+", choices=FIGURES, metavar="NAME", help=", ".join(FIGURES)
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only check that they work; too few rounds for reliable numbers",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
