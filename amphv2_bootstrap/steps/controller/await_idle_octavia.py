# SPDX-License-Identifier: Apache-2.0
"""``await-idle-octavia``: a restart cuts off no operation of Octavia."""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.host.stale_services import stale_services
from amphv2_bootstrap.adapters.octavia import introspection
from amphv2_bootstrap.adapters.octavia.canary import BoardJob
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.errors import (
    BootstrapError,
    CancelledError,
    PermanentError,
    TransientError,
)
from amphv2_bootstrap.spec.task_flow_group import is_true
from amphv2_bootstrap.steps.base import (
    NOT_APPLICABLE,
    UNCHANGED,
    Context,
    Seen,
    Step,
    StepResult,
)
from amphv2_bootstrap.steps.canary import loaded, with_wanted
from amphv2_bootstrap.steps.octavia_file import OctaviaFile
from amphv2_bootstrap.steps.provider import drivers_using_it
from amphv2_bootstrap.steps.under_way import (
    REPAIR,
    LoadBalancer,
    jobs,
    named,
    pending,
)

LOG = logging.getLogger(__name__)

_INSTALLATION = "ensure-client-library"
_POLL_SECONDS = 2.0
_LOOK_SECONDS = 600.0
"""More than the looks at database and jobboard take, each of which is bounded."""


class AwaitIdleOctavia(Step):
    """Wait for the load balancers that are in PENDING when it begins (promise P11).

    Without a jobboard nobody resumes the flow of a worker that is stopped, so its load
    balancer stays in PENDING for ever. Later ones aren't waited for: a worker that
    must stop takes none. Only reads, from Octavia's main database and jobboard.
    """

    atom_name = "await-idle-octavia"

    def __init__(self, context: Context, systemd: Systemd | None = None) -> None:
        super().__init__(context)
        self._systemd = systemd or Systemd()

    @property
    def time_limit(self) -> float:
        return self.context.host.idle_timeout + _LOOK_SECONDS

    @property
    def aim(self) -> str:
        host = self.context.host
        return (
            "before a restart, wait for the load balancers that are in PENDING, for at "
            f"most {host.idle_timeout:g} s; then {host.when_busy}"
        )

    def execute(self) -> dict[str, Any]:
        """As every step; a database that stays away doesn't stop the roll-out."""
        try:
            return super().execute()
        except TransientError as exc:
            return _unseen(str(exc)).to_dict()

    def look(self, ahead: Collection[str] = ()) -> Seen:
        begun = self._begin(ahead)
        if isinstance(begun, StepResult):
            return Seen(begun)
        text = (
            f"waits for {named(begun.awaited)}" if begun.awaited else begun.summary(0)
        )
        return Seen(StepResult(UNCHANGED, text, begun.warnings))

    def _begin(self, ahead: Collection[str]) -> "StepResult | _Beginning":
        """What to wait for; or the result, where there is no need or no way to wait."""
        files = map(OctaviaFile, self.context.of_each_file())
        asked = [file.lacks_options or file.marker.is_set() for file in files]
        if not any(asked) and _INSTALLATION not in ahead:
            return StepResult(UNCHANGED, "nothing asks for a restart")
        try:
            found = pending(self.context)
        except PermanentError as exc:
            return _unseen(str(exc))
        if found is None:
            return _unseen("[database] connection names no MySQL or MariaDB")
        return _Beginning(self.context, self._systemd, found)

    def act(self) -> StepResult:
        """Transient errors after the first look count as a part of the wait.

        :raises PermanentError: load balancers are still in work after idle_timeout.
        """
        begun = self._begin(())
        if isinstance(begun, StepResult):
            return begun
        began = time.monotonic()
        left = self._wait(begun.awaited, began + self.context.host.idle_timeout)
        if left:
            return self._busy(left, begun.warnings)
        seconds = time.monotonic() - began
        return StepResult(UNCHANGED, begun.summary(seconds), begun.warnings)

    def _wait(
        self, left: Sequence[LoadBalancer], deadline: float
    ) -> Sequence[LoadBalancer]:
        """Those that are in the same status at all times until the deadline."""
        while left and (remaining := deadline - time.monotonic()) > 0:
            self._say(f"waits for {named(left)}")
            if self.context.cancelled.wait(min(_POLL_SECONDS, remaining)):
                raise CancelledError("wait for load balancers", why="cancelled")
            try:
                found = pending(self.context) or ()
            except TransientError as exc:
                self._say(str(exc))
                continue
            # Its row may change in the middle of an operation, but not its status.
            now = {(one.id, one.status) for one in found}
            left = [one for one in left if (one.id, one.status) in now]
        return left

    def _say(self, text: str) -> None:
        LOG.info("%s %s", self.atom_name, text)
        self.record_retry(text)

    def _busy(
        self, left: Sequence[LoadBalancer], warnings: tuple[str, ...]
    ) -> StepResult:
        host = self.context.host
        why = f"after {host.idle_timeout:g} s these are still in work: {named(left)}"
        if host.when_busy == "restart":
            lost = f"Octavia is restarted all the same: {why}. They may stay in PENDING"
            return StepResult(
                UNCHANGED, f"{len(left)} are still in work", (*warnings, f"{lost}.")
            )
        raise PermanentError(
            "wait until Octavia may be restarted",
            on=host.name,
            why=why,
            todo=f"octavia.conf wasn't changed. {REPAIR} Then resume the job: it waits "
            "anew. To wait longer, raise [octavia] idle_timeout on this host; to "
            "restart all the same, set [octavia] when_busy = restart.",
        )


class _Beginning:
    """What was found at the beginning of the wait: whom to wait for, and why not."""

    def __init__(
        self, context: Context, systemd: Systemd, found: Sequence[LoadBalancer]
    ) -> None:
        self._resumed = _resumed(context, systemd)
        self._board, unknown = _jobs(context) if found else ({}, "")
        minutes = context.host.stuck_minutes
        others = [one for one in found if one.id not in self._board]
        old = [one for one in others if one.is_old(minutes)]
        self.warnings = tuple(_old(old, minutes, unknown))
        self.awaited = [
            one
            for one in others
            if one not in old and one.provider not in self._resumed
        ]

    def summary(self, seconds: float) -> str:
        """What is worth knowing once the wait has ended well."""
        texts = ["no load balancer was in work that a restart would cut off"]
        if self.awaited:
            texts = [f"waited {seconds:.0f} s for {named(self.awaited)}"]
        if self._board:
            texts.append("others have a job on Octavia's jobboard, which is resumed")
        if self._resumed:
            texts.append(
                "the jobboard was enabled before: no wait is needed for load balancers "
                f"of {', '.join(sorted(self._resumed))}, since another worker resumes "
                "their flows"
            )
        return "; ".join(texts)


def _resumed(context: Context, systemd: Systemd) -> Collection[str]:
    """The provider drivers with flows that survive a restart, since the jobboard is on.

    The services must run with the octavia.conf that enables it. Where that isn't
    known, none does.
    """
    try:
        if any(stale_services(context.host, systemd)):
            return ()
        python = interpreter_of(context.host)
        for one in context.of_each_file():
            values = introspection.load_task_flow(python, loaded(one)).values
            if not is_true(values.get("jobboard_enabled")):
                return ()
        return drivers_using_it(context.host)
    except PermanentError as exc:
        LOG.debug("Whether the jobboard is enabled isn't known: %s", exc)
        return ()


def _jobs(context: Context) -> tuple[Mapping[str, BoardJob], str]:
    """The jobs on the wanted jobboard, which other controllers may use already.

    Empty where it can't be read; then also why.
    """
    try:
        with with_wanted(context) as sources:
            return jobs(context, sources), ""
    except CancelledError:
        raise
    except BootstrapError as exc:
        return {}, str(exc)


def _old(old: Sequence[LoadBalancer], minutes: float, unknown: str) -> Sequence[str]:
    if not old:
        return ()
    text = (
        f"Not waited for, since they have been in PENDING for more than {minutes:g} "
        f"minutes: {named(old)}. {REPAIR}"
    )
    if unknown:
        text += (
            f" Whether a job of theirs is on Octavia's jobboard isn't known: {unknown}"
        )
    return (text,)


def _unseen(why: str) -> StepResult:
    text = f"Whether a restart cuts off load balancers in PENDING wasn't seen: {why}"
    return StepResult(NOT_APPLICABLE, "could not see what is in work", (text,))
