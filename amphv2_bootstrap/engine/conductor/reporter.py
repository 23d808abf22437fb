# SPDX-License-Identifier: Apache-2.0
"""Keeps this host's report up to date, beside the conductor's work."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.storage.host_reports import UNREADABLE, HostReports
from amphv2_bootstrap.errors import BootstrapError, UnexpectedError
from amphv2_bootstrap.spec.masking import Masker

LOG = logging.getLogger(__name__)

REFRESH_SECONDS = 300.0
"""A report is made anew at least this often."""

_JOIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ReportSource:
    """Where a host's report comes from.

    ``make`` makes it: JSON-ready, without secrets; it may take seconds, and raise
    :class:`BootstrapError`. ``stamp`` is cheap: it differs from its last value
    when a report made now would probably differ, and raises nothing.
    """

    make: Callable[[], Mapping[str, Any]]
    stamp: Callable[[], object]


class Reporter:
    """Publishes from a thread of its own, so that no flow ever waits for it.

    It publishes at the start, soon after the source's stamp has changed, and at
    least every ``refresh`` seconds. A report that can't be made is published as
    unreadable. While the database is away, it tries again. No error ends the
    conductor.

    :param interval: seconds between two looks at the stamp.
    :param masker: masks the reason why a report can't be made.
    """

    def __init__(
        self,
        source: ReportSource,
        reports: HostReports,
        owner: ProcessIdentity,
        version: str,
        interval: float,
        masker: Masker,
        refresh: float = REFRESH_SECONDS,
    ) -> None:
        self._source = source
        self._reports = reports
        self._owner = owner
        self._version = version
        self._interval = interval
        self._masker = masker
        self._refresh = refresh
        self._due_at = 0.0
        self._stamp: object = None
        self._stopping = False
        self._wake = threading.Event()
        # A daemon: a source that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="report", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Have it look at the stamp now; returns at once."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread; doesn't wait for a report that is being made."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self.publish_if_due()
            except BootstrapError as exc:
                LOG.info("This host's report was not published: %s", exc)
            except Exception:  # the outermost frame of the thread
                LOG.exception("This host's report was not published; trying again")
            self._wake.wait(self._interval)
            self._wake.clear()

    def publish_if_due(self) -> bool:
        """Look at the stamp, and publish if it is time; True when it did.

        :raises DatabaseUnavailableError: the next look tries again.
        """
        # Before the report is made: a change meanwhile makes the next one due.
        stamp = self._source.stamp()
        if stamp == self._stamp and time.monotonic() < self._due_at:
            return False
        content = self._make()
        owner = str(self._owner)
        self._reports.publish(self._owner.host, owner, self._version, content)
        self._stamp = stamp
        self._due_at = time.monotonic() + self._refresh
        return True

    def _make(self) -> Mapping[str, Any]:
        try:
            return self._source.make()
        except DatabaseUnavailableError:
            raise
        except BootstrapError as exc:
            LOG.warning("This host can't report on itself: %s", exc)
            return {UNREADABLE: self._masker.text(str(exc))}
        except Exception as exc:
            LOG.exception("This host can't report on itself")
            return {UNREADABLE: str(UnexpectedError.of("report on this host", exc))}
