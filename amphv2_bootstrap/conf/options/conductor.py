# SPDX-License-Identifier: Apache-2.0
"""``[conductor]``: the pace of the daemon and of retries."""

from oslo_config import cfg

GROUP = "conductor"

OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        "concurrency",
        default=4,
        min=1,
        max=64,
        help="How many jobs this conductor carries out at the same time.",
    ),
    cfg.FloatOpt(
        "poll_interval",
        default=1.0,
        min=0.1,
        max=60,
        help=(
            "Seconds until the conductor looks at the jobboard again, where the "
            "backend hasn't called it before; five times as long while no job is on "
            "it that this host might take. Less finds a job sooner and asks the "
            "backend more often."
        ),
    ),
    cfg.FloatOpt(
        "reconcile_interval",
        default=10.0,
        min=1,
        max=3600,
        help=(
            "Seconds between two comparisons of the database with the jobboard. A "
            "job that the jobboard has lost is posted again after at most this time."
        ),
    ),
    cfg.FloatOpt(
        "grace_period",
        default=30.0,
        min=0,
        max=3600,
        help=(
            "Seconds that the steps under way may run on after SIGTERM. A step that "
            "isn't done by then is stopped, and run again by the conductor that "
            "resumes its job. Keep it below the stop timeout of the service "
            "(systemd: TimeoutStopSec, 90 s by default)."
        ),
    ),
    cfg.FloatOpt(
        "refusal_pause",
        default=30.0,
        min=0.1,
        max=3600,
        help=(
            "Seconds until the conductor looks again at a job that it can't carry "
            "out: one of another version, or one posted with other secrets than it "
            "has in its own configuration."
        ),
    ),
    cfg.IntOpt(
        "history_days",
        default=90,
        min=0,
        max=36500,
        help=(
            "Days after which a job that has ended is forgotten, with its steps and "
            "events. 0 keeps all of them. Unfinished and parked jobs always stay."
        ),
    ),
    cfg.IntOpt(
        "step_retry_attempts",
        default=5,
        min=1,
        max=1000,
        help=(
            "How many times a step is tried when it fails for a reason that may go "
            "away by itself, such as a server that doesn't answer. 1 means no retry."
        ),
    ),
    cfg.FloatOpt(
        "step_retry_max_elapsed",
        default=60.0,
        min=0,
        max=86400,
        help=(
            "Seconds after its first attempt from which a failing step isn't tried "
            "again, however many attempts are left."
        ),
    ),
    cfg.FloatOpt(
        "step_retry_first_wait",
        default=0.5,
        min=0.01,
        max=3600,
        help=(
            "Upper bound, in seconds, of the wait before the second attempt. The "
            "bound doubles with every attempt; the wait is a random part of it, so "
            "that conductors don't return all at once."
        ),
    ),
    cfg.FloatOpt(
        "step_retry_max_wait",
        default=10.0,
        min=0.01,
        max=3600,
        help="Upper bound, in seconds, of the wait between any two attempts.",
    ),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options of this group, for the sample file and the reference."""
    return [(GROUP, OPTS)]
