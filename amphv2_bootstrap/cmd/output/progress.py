# SPDX-License-Identifier: Apache-2.0
"""Following a bootstrap until it is at rest."""

import contextlib
import sys
import time
from dataclasses import dataclass

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.cmd.conductor_list import unattended
from amphv2_bootstrap.cmd.output.report import describe
from amphv2_bootstrap.cmd.output.summaries import exit_code
from amphv2_bootstrap.cmd.output.views import Report, View, view_of
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.records import Job
from amphv2_bootstrap.engine.storage.store import Store

_POLL_SECONDS = 0.2
_LOST_POLL_SECONDS = 1.0
_ATTENDANCE_SECONDS = 5.0


class Watch:
    """Looks at a bootstrap time and again, also when its database was away.

    ``report`` is what was seen last.
    """

    def __init__(self, store: Store, job: Job, view: View) -> None:
        self._store = store
        self._uuid = job.uuid
        self._view = view
        self._is_away = False
        self.report: Report | None = None

    def look(self) -> bool:
        """Show how far it is; False while the database is away, which is said once."""
        try:
            self.report = describe(self._store, self._store.job(self._uuid))
        except DatabaseUnavailableError as exc:
            if not self._is_away:
                self._view.tell(f"{exc}; trying again")
            self._is_away = True
            time.sleep(_LOST_POLL_SECONDS)
            return False
        self._is_away = False
        self._view.show(self.report)
        return True


class Attendance:
    """Says, once each, which flows nobody is there to carry out.

    Not in the first seconds: a conductor that was just started may not have said yet
    that it is alive.
    """

    def __init__(self, store: Store, job: Job, view: View) -> None:
        self._store = store
        self._controllers = tuple(job.spec.get("controllers", ()))
        self._view = view
        self._due_at = time.monotonic() + _ATTENDANCE_SECONDS
        self._told: set[str] = set()

    def look(self, report: Report) -> None:
        """Look at the conductors, if it is time to."""
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + _ATTENDANCE_SECONDS
        with contextlib.suppress(DatabaseUnavailableError):
            rows = self._store.conductors()
            found = unattended(report, rows, self._controllers)
            for text in found:
                if text not in self._told:
                    self._told.add(text)
                    self._view.tell(text)


@dataclass(frozen=True, slots=True)
class Followed:
    """How the following ended: an exit code, and what was seen last."""

    code: int
    report: Report | None


def follow(
    store: Store,
    job: Job,
    *,
    timeout: float | None = None,
) -> Followed:
    """Show progress until the bootstrap is at rest, and then why it failed.

    :param timeout: seconds; then the code is 3 and the job goes on.
    """
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    with view_of(sys.stderr) as view:
        watch = Watch(store, job, view)
        attendance = Attendance(store, job, view)
        code = None
        while code is None:
            if watch.look() and watch.report:
                code = exit_code(watch.report["state"])
                attendance.look(watch.report)
            if code is None and time.monotonic() >= deadline:
                code = exit_codes.TIMED_OUT
            if code is None:
                time.sleep(_POLL_SECONDS)
    if code == exit_codes.TIMED_OUT:
        view.tell(f"Not done after {timeout:g} s; it goes on.")
    if watch.report:
        view.finish(watch.report)
        _say_how_to_resume(watch.report)
    return Followed(code, watch.report)


def _say_how_to_resume(report: Report) -> None:
    if any(flow["state"] == "parked" for flow in report["flows"]):
        command = f"amphv2-bootstrap job resume {report['id']}"
        print(f"Mend the cause of what is parked, then: {command}", file=sys.stderr)
