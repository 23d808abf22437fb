# SPDX-License-Identifier: Apache-2.0
"""How progress is shown: a bar on a terminal, plain lines otherwise."""

import abc
import sys
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from amphv2_bootstrap.cmd.output.fitting import fitted
from amphv2_bootstrap.cmd.output.summaries import exit_code
from amphv2_bootstrap.cmd.output.timeline import (
    step_lines,
    stopped_lines,
    warning_lines,
)

if TYPE_CHECKING:
    from rich.console import Console

Report = dict[str, Any]
"""What :func:`amphv2_bootstrap.engine.description.report.describe` gives."""


class View(Protocol):
    """Shows a job's progress, as a context manager."""

    def __enter__(self) -> "View":
        """Begin to show."""

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""

    def show(self, report: Report) -> None:
        """Show how far it is now."""

    def say(self, text: str) -> None:
        """Print a message."""

    def finish(self, report: Report) -> None:
        """Print what was not printed yet of failed flows, and all warnings.

        After the context ends.
        """


class _PrintsOnce(abc.ABC):
    """Prints each thing once, however often it is seen."""

    def __init__(self) -> None:
        self._printed: set[tuple[Any, ...]] = set()

    @abc.abstractmethod
    def say(self, text: str) -> None:
        """Print it."""

    def _once(self, key: tuple[Any, ...], lines: list[str]) -> None:
        if key not in self._printed:
            self._printed.add(key)
            self.say("\n".join(lines))

    def _say_pause(self, report: Report) -> None:
        since = report.get("paused_at")
        if since:
            text = f"{report['paused_by']} has paused the job: no further flow begins"
            command = f"amphv2-bootstrap job unpause {report['id']}"
            self._once(("paused", since), [f"{text} until '{command}'."])


class Lines(_PrintsOnce):
    """Prints a line when a step or a flow changes its state."""

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, report: Report) -> None:
        self._say_pause(report)
        for flow in report["flows"]:
            for step in flow["tasks"]:
                key = (flow["id"], step["name"], step["state"], step["runs"])
                if step["state"] != "PENDING":
                    self._once((*key, step["retrying_why"]), step_lines(step))
            where = f" on {flow['host']}" if flow["host"] else ""
            reason = f": {flow['reason']}" if flow["reason"] else ""
            line = f"{flow['name']}{where}: {flow['state']}{reason}"
            if flow["state"] != "waiting":
                self._once((flow["id"], flow["state"], reason), [line])

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def finish(self, report: Report) -> None:
        lines = warning_lines(report["flows"])
        if lines:
            self.say("\n".join(lines))


class Bar(_PrintsOnce):
    """A live bar over all steps, with the one under way.

    Above the bar it prints at once a flow that stops while others go on, and a step
    that is tried again; the rest is printed below it, at the end.

    :param console: default: the terminal at stderr.
    """

    def __init__(self, console: "Console | None" = None) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        from amphv2_bootstrap.cmd.output.colours import console as coloured

        super().__init__()
        self._progress = Progress(
            TextColumn("{task.description:<42}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            console=console or coloured(sys.stderr),
        )
        self._task = self._progress.add_task("waiting for a conductor", total=None)

    def __enter__(self) -> "Bar":
        self._progress.start()
        # A signal may end the process at any moment, and would leave it hidden.
        self._progress.console.show_cursor(True)
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, report: Report) -> None:
        steps = [(flow, step) for flow in report["flows"] for step in flow["tasks"]]
        done = sum(step["state"] == "SUCCESS" for _, step in steps)
        running = [
            f"{step['name']} on {step['host']}"
            for _, step in steps
            if step["state"] in ("RUNNING", "REVERTING")
        ]
        self._progress.update(
            self._task,
            total=len(steps),
            completed=done,
            description=", ".join(running) or report["state"],
        )
        self._say_pause(report)
        for flow, step in steps:
            if step["retrying_why"]:
                key = (flow["id"], step["name"], step["runs"], step["retrying_why"])
                self._once(key, step_lines(step))
        if exit_code(report["state"]) is None:
            self._say_who_stopped(report)

    def say(self, text: str) -> None:
        # Verbatim: a reason may look like markup, and operators copy it from here.
        self._progress.console.print(text, markup=False, emoji=False, soft_wrap=True)

    def finish(self, report: Report) -> None:
        self._say_who_stopped(report)
        width = self._progress.console.width
        for line in warning_lines(report["flows"]):
            self.say(fitted(line, width))

    def _say_who_stopped(self, report: Report) -> None:
        for flow in report["flows"]:
            runs = sum(step["runs"] for step in flow["tasks"])
            lines = stopped_lines(flow)
            if lines:
                self._once((flow["id"], flow["state"], runs), lines)


def view_of(stream: TextIO) -> View:
    """A bar on a terminal, lines elsewhere."""
    return Bar() if stream.isatty() else Lines()
