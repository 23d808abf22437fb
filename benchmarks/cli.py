# SPDX-License-Identifier: Apache-2.0
"""Start-up of the command: whole processes, compared with unavoidable imports."""

import itertools
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import Effort, Figure, Row, median, rounded
from benchmarks.servers import Servers
from tests.unit.cmd.smallest import write_configuration

_COMMAND = str(Path(sys.executable).with_name("amphv2-bootstrap"))
_IMPORTS = [sys.executable, "-c", "import oslo_config.cfg, sqlalchemy"]
_LIMIT = 2.5


def benchmark(servers: Servers, effort: Effort) -> Figure:
    """``cli_s``: the whole process's time, by command."""
    runs = _runs(servers.new_folder())
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number, (name, argv) in itertools.product(
        range(effort.of(16, 2)), runs.items()
    ):
        took = _timed(argv)
        if number:  # the first run of each fills the caches
            times[name].append(took)
    found = {name: median(each) for name, each in times.items()}
    ratios = {
        f"{name}_by_imports": rounded(found[name] / found["imports"])
        for name in ("help", "post_job_help", "post_job")
    }
    rows = (
        Row("import oslo_config.cfg, sqlalchemy", found["imports"], "s"),
        Row("amphv2-bootstrap --help", found["help"], "s"),
        Row("  by the imports", ratios["help_by_imports"], "times", _LIMIT),
        Row("amphv2-bootstrap post-job --help", found["post_job_help"], "s"),
        Row("  by the imports", ratios["post_job_help_by_imports"], "times", _LIMIT),
        Row("amphv2-bootstrap post-job", found["post_job"], "s"),
        Row("  by the imports", ratios["post_job_by_imports"], "times", _LIMIT),
    )
    return Figure("cli_s", {**found, **ratios}, rows)


def _runs(folder: Path) -> dict[str, list[str]]:
    """The commands; the first post makes the job that later posts find unfinished."""
    config = write_configuration(folder)
    return {
        "imports": _IMPORTS,
        "help": [_COMMAND, "--help"],
        "post_job_help": [_COMMAND, "post-job", "--help"],
        "post_job": [_COMMAND, "--config-file", str(config), "post-job"],
    }


def _timed(argv: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began
