# SPDX-License-Identifier: Apache-2.0
"""``[task_flow]``: the engine's own database and jobboard.

The names are Octavia's, since operators know them. Here they say where this program
keeps its own jobs, never Octavia's.
"""

from oslo_config import cfg

from amphv2_bootstrap.conf.options.octavia_names import named

GROUP = "task_flow"

_DRIVERS = [
    ("sql", "The database of persistence_connection; needs no other server."),
    ("redis_taskflow_driver", "Redis."),
    ("zookeeper_taskflow_driver", "ZooKeeper."),
    ("etcd_taskflow_driver", "etcd."),
    ("redis", "The same as redis_taskflow_driver."),
    ("zookeeper", "The same as zookeeper_taskflow_driver."),
    ("etcd", "The same as etcd_taskflow_driver."),
]
_NOT_SQL = "Not for the sql jobboard."

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "persistence_connection",
        secret=True,
        sample_default="sqlite:///<state_path>/engine.sqlite",
        help=(
            "URL of the database that keeps this program's jobs and the state of "
            "their steps. Several controllers need one that all of them reach: "
            "mysql+pymysql://USER:PASSWORD@HOST/DATABASE, percent-encoded (@ is "
            "%40, / is %2F, # is %23), and each $ doubled. It must not be the "
            "database of Octavia's persistence_connection."
        ),
    ),
    cfg.StrOpt(
        "jobboard_backend_driver",
        default="sql",
        choices=_DRIVERS,
        help=(
            "The jobboard on which conductors find this program's flows. The "
            "default needs no server besides the database."
        ),
    ),
    named("jobboard_backend_hosts", _NOT_SQL, default=[]),
    named(
        "jobboard_backend_port",
        "Default: the driver's own (6379, 26379 with Sentinel, 2181, 2379).",
        sample_default="<the driver's own>",
    ),
    named("jobboard_backend_username"),
    named("jobboard_backend_password", "Double each $."),
    named(
        "jobboard_backend_namespace",
        "It must differ from Octavia's: Octavia's workers claim everything there, "
        "and delete what they can't run.",
        default="amphv2_bootstrap",
    ),
    named("jobboard_redis_backend_db", default=0),
    named("jobboard_redis_sentinel"),
    named("jobboard_redis_sentinel_username"),
    named("jobboard_redis_sentinel_password", "Double each $."),
    named("jobboard_redis_backend_ssl_options"),
    named("jobboard_redis_sentinel_ssl_options"),
    named(
        "jobboard_zookeeper_ssl_options",
        "Here, and not in [octavia], ca also names a private authority, and "
        "check_hostname:False accepts certificates without the servers' names.",
    ),
    named("jobboard_etcd_ssl_options"),
    named("jobboard_etcd_timeout"),
    named("jobboard_etcd_api_path"),
    cfg.IntOpt(
        "jobboard_expiration_time",
        default=12,
        min=5,
        max=3600,
        help=(
            "Seconds that a claim lasts unless its conductor renews it. When a "
            "conductor dies, another one resumes its flows after this time. It may "
            "be shorter than a step, since claims are renewed while steps run. If "
            "the database or the jobboard is away for more than about 0.65 of it, as "
            "in a fail-over, the running steps are stopped, and begun again later: "
            "20 outlasts 13 s."
        ),
    ),
]
