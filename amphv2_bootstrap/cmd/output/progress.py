# SPDX-License-Identifier: Apache-2.0
"""Follows a job until it is at rest."""

import contextlib
import sys
import time
from dataclasses import dataclass

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.cmd.conductor.attendance import unattended
from amphv2_bootstrap.cmd.output.patience import LOST_POLL_SECONDS, Timeout
from amphv2_bootstrap.cmd.output.summaries import exit_code
from amphv2_bootstrap.cmd.output.views import Report, View, view_of
from amphv2_bootstrap.engine.description.report import describe
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.records import Job
from amphv2_bootstrap.engine.storage.store import Store

_POLL_SECONDS = 0.2
_ATTENDANCE_SECONDS = 5.0


class Watch:
    """Looks at a job again and again, through outages of the database.

    ``report`` is the last one seen.
    """

    def __init__(self, store: Store, job: Job, view: View) -> None:
        self._store = store
        self._uuid = job.uuid
        self._view = view
        self._is_away = False
        self.report: Report | None = None

    def look(self) -> bool:
        """Show the progress; False while the database is away, reported once."""
        try:
            self.report = describe(self._store, self._store.job(self._uuid))
        except DatabaseUnavailableError as exc:
            if not self._is_away:
                self._view.say(f"{exc}; trying again")
            self._is_away = True
            time.sleep(LOST_POLL_SECONDS)
            return False
        self._is_away = False
        self._view.show(self.report)
        return True


class Attendance:
    """Reports each flow once that no living conductor can carry out.

    Not in the first seconds: a conductor that was just started may not have sent its
    first heartbeat.
    """

    def __init__(self, store: Store, job: Job, view: View) -> None:
        self._store = store
        named = job.spec.get("controllers")
        self._controllers = tuple(map(str, named if isinstance(named, list) else ()))
        self._view = view
        self._due_at = time.monotonic() + _ATTENDANCE_SECONDS
        self._printed: set[str] = set()

    def look(self, report: Report) -> None:
        """Look at the conductors, every few seconds."""
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + _ATTENDANCE_SECONDS
        with contextlib.suppress(DatabaseUnavailableError):
            rows = self._store.conductors()
            found = unattended(report, rows, self._controllers)
            for text in found:
                if text not in self._printed:
                    self._printed.add(text)
                    self._view.say(text)


@dataclass(frozen=True, slots=True)
class Followed:
    """The exit code, and the last report, None if the job was never seen."""

    code: int
    report: Report | None


def follow(
    store: Store,
    job: Job,
    timeout: Timeout,
) -> Followed:
    """Show progress until the job is at rest, then why it failed.

    When ``timeout`` is over the code is 3 and the job goes on.
    """
    with view_of(sys.stderr) as view:
        watch = Watch(store, job, view)
        attendance = Attendance(store, job, view)
        code = None
        while code is None:
            if watch.look() and watch.report:
                code = exit_code(watch.report["state"])
                attendance.look(watch.report)
            if code is None and timeout.is_over:
                code = exit_codes.TIMED_OUT
            if code is None:
                time.sleep(_POLL_SECONDS)
    if code == exit_codes.TIMED_OUT:
        view.say(f"Not done after {timeout.seconds:g} s; it goes on.")
    if watch.report:
        view.finish(watch.report)
        _say_what_waits(watch.report)
        _say_who_is_skipped(watch.report)
        _say_how_to_resume(watch.report)
    return Followed(code, watch.report)


def _say_what_waits(report: Report) -> None:
    """For whom, and why; :class:`Attendance` does it for those that could begin."""
    found: dict[str, list[str]] = {}
    for flow in report["flows"]:
        if flow["state"] == "waiting" and flow["waits_for"]:
            where = f" on {flow['host']}" if flow["host"] else ""
            found.setdefault(flow["waits_for"], []).append(f"{flow['name']}{where}")
    for what, flows in found.items():
        print(f"Waiting: {', '.join(flows)}; for {what}", file=sys.stderr)


def _say_who_is_skipped(report: Report) -> None:
    flows = [flow for flow in report["flows"] if flow["state"] == "skipped"]
    if flows:
        hosts = ", ".join(dict.fromkeys(str(flow["host"]) for flow in flows))
        print(
            f"Skipped: {hosts}. Octavia stays as it is there; a job that is posted "
            "later takes the host up.",
            file=sys.stderr,
        )


def _say_how_to_resume(report: Report) -> None:
    if any(flow["state"] == "parked" for flow in report["flows"]):
        command = f"amphv2-bootstrap job resume {report['id']}"
        print(f"Fix the cause of what is parked, then: {command}", file=sys.stderr)
