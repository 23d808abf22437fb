# SPDX-License-Identifier: Apache-2.0
"""``[octavia]``: the cloud to be bootstrapped, and what its Octavia shall use.

The options that go into Octavia's own ``[task_flow]`` have Octavia's names; one
that isn't set isn't written. Where octavia.conf sets such a one of the jobboard
itself, the job is parked before that file is changed.
"""

from oslo_config import cfg

from amphv2_bootstrap.conf.options.octavia_names import named
from amphv2_bootstrap.spec.octavia_options import DEFAULT_NAMESPACE

GROUP = "octavia"

_TARGET: list[cfg.Opt] = [
    cfg.StrOpt(
        "config_file",
        default="/etc/octavia/octavia.conf",
        help="Octavia's configuration file on this host (absolute path).",
    ),
    cfg.ListOpt(
        "controllers",
        default=[],
        sample_default="<this host>",
        help=(
            "Names of all hosts that run Octavia's services, the same on each: every "
            "name is the '[DEFAULT] host' of one conductor."
        ),
    ),
    cfg.StrOpt(
        "admin_connection",
        secret=True,
        help=(
            "URL of the database server for an account that may create databases, "
            "accounts and grants, such as mysql+pymysql://root@localhost/"
            "?unix_socket=/run/mysqld/mysqld.sock or mysql+pymysql://root:PASSWORD@"
            "HOST/. Percent-encode user and password; double each $. Needed where "
            "the wanted persistence_connection is MySQL or MariaDB."
        ),
    ),
    cfg.StrOpt(
        "persistence_connection",
        secret=True,
        help=(
            "Wanted, and required: URL of the database that shall keep the state of "
            "Octavia's tasks, such as mysql+pymysql://octavia:PASSWORD@HOST/"
            "octavia_persistence. Database, account and grants are made where they "
            "are missing; an account that exists keeps its password, so give that "
            "one. Percent-encode user and password (@ is %40, / is %2F, # is %23, % "
            "is %25); double each $. On a single controller sqlite:////ABSOLUTE/PATH "
            "will do; what is made for it belongs to the owner and the group of "
            "octavia.conf."
        ),
    ),
    cfg.ListOpt(
        "grant_hosts",
        default=["localhost", "%"],
        help=(
            "The hosts from which the account may log in: one account, user@host, is "
            "made or checked for each. % stands for any host, but on MariaDB not for "
            "localhost where the anonymous account exists."
        ),
    ),
]

_WANTED: list[cfg.Opt] = [
    named(
        "jobboard_backend_driver",
        "An option of the jobboard that this driver reads must not be set in "
        "octavia.conf to something of its own while it isn't set here: the job is "
        "parked then, before the file is changed. Set it here on all controllers, or "
        "remove it there.",
        default="redis_taskflow_driver",
    ),
    named("jobboard_backend_hosts", "Required."),
    named(
        "jobboard_backend_port",
        "Default: the driver's own (6379, 26379 with Sentinel, 2181, 2379).",
        sample_default="<the driver's own>",
    ),
    named("jobboard_backend_username"),
    named("jobboard_backend_password", "Double each $."),
    named("jobboard_backend_namespace", default=DEFAULT_NAMESPACE),
    named("jobboard_redis_backend_db"),
    named("jobboard_redis_sentinel"),
    named("jobboard_redis_sentinel_username"),
    named("jobboard_redis_sentinel_password", "Double each $."),
    named("jobboard_redis_backend_ssl_options"),
    named("jobboard_redis_sentinel_ssl_options"),
    named("jobboard_zookeeper_ssl_options"),
    named(
        "jobboard_etcd_ssl_options",
        "For no TLS leave the option out: Octavia takes use_ssl:False for https.",
    ),
    named("jobboard_etcd_timeout"),
    named("jobboard_etcd_api_path"),
    named(
        "jobboard_expiration_time",
        "Octavia's own default of 30 is short for long steps; its own tests use 100.",
    ),
    named("jobboard_save_logbook"),
    named("engine"),
    named("max_workers"),
    named("disable_revert"),
]

_ACTING: list[cfg.Opt] = [
    cfg.StrOpt(
        "service_arguments",
        default="",
        help=(
            "The arguments with which octavia-worker is started, as far as they name "
            "configuration: --config-file and --config-dir, absolute paths, in their "
            "order. They decide which file wins. Needed where config_file is "
            "/etc/octavia/octavia.conf and a folder octavia.conf.d is beside it, but "
            "the service is started with --config-file (the file wins then), and "
            "where there are other folders, such as: --config-file "
            "/etc/octavia/octavia.conf --config-dir /etc/octavia/conf.d."
        ),
    ),
    cfg.ListOpt(
        "services",
        default=[
            "octavia-api",
            "octavia-worker",
            "octavia-health-manager",
            "octavia-housekeeping",
        ],
        help=(
            "systemd units to be restarted on this host when its octavia.conf has "
            "changed. Those that don't exist here are passed over."
        ),
    ),
    cfg.MultiStrOpt(
        "restart_commands",
        default=[],
        help=(
            "Commands that restart Octavia on this host in place of the systemd "
            "units, such as 'docker restart octavia_worker'; repeat the option for "
            "several. No shell reads them: quotes group words, and nothing else."
        ),
    ),
    cfg.StrOpt(
        "db_manage_command",
        default="octavia-db-manage",
        help=(
            "How to call octavia-db-manage, with its first arguments if any. It is "
            "looked up in PATH; no shell reads it. Where it runs in a container, such "
            "as by 'docker exec --user root octavia_worker octavia-db-manage', "
            "config_file and state_path have to be mounted there at the same paths: "
            "it is given files by their paths on this host, which root alone may read."
        ),
    ),
    cfg.FloatOpt(
        "db_manage_timeout",
        default=300.0,
        min=10,
        max=3600,
        help=(
            "Seconds until octavia-db-manage is stopped. It needs about one; with a "
            "database that doesn't answer it would go on for more than eight minutes."
        ),
    ),
    cfg.StrOpt(
        "python",
        sample_default="<the interpreter of db_manage_command>",
        help=(
            "Python interpreter (absolute path) that runs Octavia on this host; its "
            "packages are looked at for the key-value backend's client library."
        ),
    ),
    cfg.StrOpt(
        "install_client_library",
        default="never",
        choices=[
            ("never", "Say what is missing, and stop."),
            ("pip", "Install with pip of Octavia's Python."),
            ("packages", "Install the distribution's package."),
        ],
        help=(
            "What to do where the client library of the key-value backend is missing."
        ),
    ),
    cfg.BoolOpt(
        "install_key_value_backend",
        default=False,
        help=(
            "Install Redis (one server, without Sentinel) or ZooKeeper from the "
            "distribution's packages on key_value_hosts. Otherwise the backend has "
            "to be there, and is only checked."
        ),
    ),
    cfg.ListOpt(
        "key_value_hosts",
        default=[],
        help=(
            "Names of those controllers on which the key-value backend shall be "
            "installed; used with install_key_value_backend."
        ),
    ),
]

OPTS: list[cfg.Opt] = [*_TARGET, *_WANTED, *_ACTING]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options of this group, for the sample file and the reference."""
    return [(GROUP, OPTS)]
