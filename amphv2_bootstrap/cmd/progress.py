# SPDX-License-Identifier: Apache-2.0
"""Following a bootstrap: a bar on a terminal, plain lines otherwise."""

import sys
import time
from typing import Any, TextIO

from amphv2_bootstrap.cmd import exits
from amphv2_bootstrap.cmd.shows import exit_code
from amphv2_bootstrap.cmd.timeline import task_lines
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.records import Bootstrap
from amphv2_bootstrap.engine.report import describe
from amphv2_bootstrap.engine.store import Store

_POLL_SECONDS = 0.2
_LOST_POLL_SECONDS = 1.0


class _Lines:
    """Prints each step when it ends, each flow when it changes."""

    def __init__(self) -> None:
        self._seen: set[tuple[Any, ...]] = set()

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, report: dict[str, Any]) -> None:
        for flow in report["flows"]:
            for task in flow["tasks"]:
                key = (flow["id"], task["name"], task["state"], task["runs"])
                if task["state"] != "PENDING":
                    self._once(key, task_lines(task))
            where = f" on {flow['host']}" if flow["host"] else ""
            reason = f": {flow['reason']}" if flow["reason"] else ""
            line = f"{flow['name']}{where}: {flow['state']}{reason}"
            if flow["state"] != "waiting":
                self._once((flow["id"], flow["state"], reason), [line])

    def _once(self, key: tuple[Any, ...], lines: list[str]) -> None:
        if key not in self._seen:
            self._seen.add(key)
            print("\n".join(lines), file=sys.stderr, flush=True)


class _Bar:
    """A live bar over all steps, with the one under way."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description:<42}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("waiting for a conductor", total=None)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, report: dict[str, Any]) -> None:
        steps = [(flow, task) for flow in report["flows"] for task in flow["tasks"]]
        done = sum(task["state"] == "SUCCESS" for _, task in steps)
        running = [
            f"{task['name']} on {task['host']}"
            for _, task in steps
            if task["state"] in ("RUNNING", "REVERTING")
        ]
        self._progress.update(
            self._task,
            total=len(steps),
            completed=done,
            description=", ".join(running) or report["state"],
        )


def view_of(stream: TextIO) -> _Lines | _Bar:
    """A bar where somebody watches, lines where it is kept."""
    return _Bar() if stream.isatty() else _Lines()


class Watch:
    """Looks at a bootstrap time and again, also when its database was away.

    ``report`` is what was seen last, as :func:`describe` gives it.
    """

    def __init__(self, store: Store, bootstrap: Bootstrap, view: _Lines | _Bar) -> None:
        self._store = store
        self._uuid = bootstrap.uuid
        self._view = view
        self._is_away = False
        self.report: dict[str, Any] | None = None

    def look(self) -> bool:
        """Show how far it is; False while the database is away, which is said once."""
        try:
            self.report = describe(self._store, self._store.bootstrap(self._uuid))
        except DatabaseUnavailableError as exc:
            if not self._is_away:
                print(f"{exc}; trying again", file=sys.stderr)
            self._is_away = True
            time.sleep(_LOST_POLL_SECONDS)
            return False
        self._is_away = False
        self._view.show(self.report)
        return True


def follow(store: Store, bootstrap: Bootstrap, *, timeout: float | None = None) -> int:
    """Show progress until the bootstrap is at rest; the exit code for its state.

    :param timeout: seconds; then 3 is returned and the job goes on.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    with view_of(sys.stderr) as view:
        watch = Watch(store, bootstrap, view)
        while True:
            watch.look()
            code = exit_code(watch.report["state"]) if watch.report else None
            if code is not None:
                return code
            if deadline is not None and time.monotonic() >= deadline:
                print(f"Not done after {timeout:g} s; it goes on.", file=sys.stderr)
                return exits.TIMED_OUT
            time.sleep(_POLL_SECONDS)
