# SPDX-License-Identifier: Apache-2.0
"""The check of what waits on Octavia's own jobboard."""

from collections.abc import Iterator

from amphv2_bootstrap.adapters.octavia.canary import Leftover, leftovers
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.checks.finding import FAILED, OK, SKIPPED, WARNING, Finding
from amphv2_bootstrap.errors import BootstrapError, CancelledError
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import loaded, obstacle


def waiting_jobs(context: Context) -> Iterator[Finding]:
    """Octavia's conductors can read and carry out all that waits on its jobboard."""
    found = obstacle(context)
    python = interpreter_of(context.host)
    if found or python is None:
        why, todo = found or ("", "")
        yield Finding("waiting-jobs", SKIPPED, f"what waits isn't known: {why}", todo)
        return
    try:
        flawed = leftovers(
            python,
            loaded(context),
            masker=context.secrets.masker,
            cancelled=context.cancelled,
        )
    except CancelledError:
        raise
    except BootstrapError as exc:  # the canary fails for that reason, too
        yield Finding.of("waiting-jobs", exc, WARNING)
        return
    for one in flawed:
        yield _finding(one)
    if not flawed:
        message = "nothing waits that Octavia's conductors can't carry out"
        yield Finding("waiting-jobs", OK, message)


def _finding(one: Leftover) -> Finding:
    if one.is_malformed:
        return Finding(
            "waiting-jobs",
            FAILED,
            f"the posting {one.name} on Octavia's jobboard is malformed: {one.why}. "
            "It ends Octavia's conductors, which read it",
            f"Remove it ({one.removal}), then restart octavia-worker everywhere.",
        )
    return Finding(
        "waiting-jobs",
        FAILED,
        f"the job {one.name} waits, but {one.why}, which isn't in the database of "
        "persistence_connection: no conductor can carry it out, and its load balancer "
        "stays in PENDING",
        "If another database has it, correct persistence_connection. If none has it, "
        f"remove the job ({one.removal}), and set its load balancer to ERROR.",
    )
