# SPDX-License-Identifier: Apache-2.0
"""``[conductor]``: concurrency, intervals and retries of the conductor."""

from oslo_config import cfg

GROUP = "conductor"

OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        "concurrency",
        default=4,
        min=1,
        max=64,
        help="How many flows this conductor carries out at the same time.",
    ),
    cfg.FloatOpt(
        "poll_interval",
        default=1.0,
        min=0.1,
        max=60,
        help=(
            "Seconds until the conductor looks at the jobboard again, unless the "
            "backend notifies it sooner; five times as long while the jobboard has "
            "no flow that this host may take. A lower value finds a flow sooner, but "
            "queries the backend more often."
        ),
    ),
    cfg.FloatOpt(
        "reconcile_interval",
        default=10.0,
        min=1,
        max=3600,
        help=(
            "Seconds between two comparisons of the database with the jobboard. A "
            "flow that the jobboard has lost is posted again after at most this time."
        ),
    ),
    cfg.FloatOpt(
        "grace_period",
        default=30.0,
        min=0,
        max=3600,
        help=(
            "Seconds for which running steps may continue after SIGTERM. A step that "
            "isn't done by then is stopped; the conductor that resumes its flow runs "
            "it again. Keep it below the stop timeout of the service (systemd: "
            "TimeoutStopSec, 90 s by default)."
        ),
    ),
    cfg.FloatOpt(
        "refusal_pause",
        default=30.0,
        min=0.1,
        max=3600,
        help=(
            "Seconds until the conductor looks again at a flow that it can't carry "
            "out, because another version posted it, or because its job was posted "
            "with other secrets than this host's configuration has."
        ),
    ),
    cfg.IntOpt(
        "history_days",
        default=90,
        min=0,
        max=36500,
        help=(
            "Days after which a job that has ended is deleted, with its steps and "
            "events. 0 keeps all of them. Unfinished and parked jobs always stay."
        ),
    ),
    cfg.FloatOpt(
        "step_retry_max_elapsed",
        default=300.0,
        min=0,
        max=86400,
        help=(
            "For how many seconds a step is tried again if it fails for a reason that "
            "may go away by itself, such as a server that doesn't answer; counted from "
            "its first failure. After that its flow is parked. 0 means no retry."
        ),
    ),
    cfg.FloatOpt(
        "step_retry_first_wait",
        default=0.5,
        min=0.01,
        max=3600,
        help=(
            "Upper bound, in seconds, of the wait before the second attempt. The "
            "bound doubles with every attempt. The wait is a random part of it, so "
            "that conductors don't all try again at the same moment."
        ),
    ),
    cfg.FloatOpt(
        "step_retry_max_wait",
        default=10.0,
        min=0.01,
        max=3600,
        help="Upper bound, in seconds, of the wait between any two attempts.",
    ),
    cfg.FloatOpt(
        "step_timeout",
        default=3600.0,
        min=0,
        max=604800,
        help=(
            "Seconds that one attempt of a step may take. A step that hangs is then "
            "asked to stop, and left behind if it doesn't within half a minute; its "
            "flow is parked. It is longer than any step needs, since all that a step "
            "waits for has a shorter bound of its own; a step for which the "
            "configuration sets a longer one isn't cut off earlier. 0 means that no "
            "step has a limit."
        ),
    ),
    cfg.StrOpt(
        "http_bind",
        help=(
            "ADDRESS:PORT on which this conductor serves a status page (read only), "
            "/healthz, /readyz and /metrics, such as 127.0.0.1:9187 or [::1]:9187. "
            "Unset: none. An address that other hosts reach also needs http_token (or "
            "http_token_file), http_tls_cert and http_tls_key. Needs the extra [http] "
            "of this package."
        ),
    ),
    cfg.StrOpt(
        "http_token",
        secret=True,
        help=(
            "Readers of the page must send this text, of at least 16 characters: as "
            "'Authorization: Bearer TOKEN', or in a browser as the password of any "
            "user. Only /healthz answers without it. Better set http_token_file."
        ),
    ),
    cfg.StrOpt(
        "http_tls_cert",
        help="File (absolute path) with the certificate of the page, in PEM.",
    ),
    cfg.StrOpt(
        "http_tls_key",
        help="File (absolute path) with the private key of http_tls_cert, in PEM.",
    ),
]
