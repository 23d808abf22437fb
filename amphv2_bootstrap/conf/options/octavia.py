# SPDX-License-Identifier: Apache-2.0
"""``[octavia]``: the cloud to bootstrap, and the options wanted for its Octavia.

The options for Octavia's own ``[task_flow]`` have Octavia's names; an option that isn't
set isn't written. If octavia.conf sets such an option of the jobboard, the flow is
parked before it changes that file.
"""

from oslo_config import cfg

from amphv2_bootstrap.conf.options.octavia_names import named
from amphv2_bootstrap.spec.octavia_options import DEFAULT_NAMESPACE

GROUP = "octavia"

_TARGET: list[cfg.Opt] = [
    cfg.MultiStrOpt(
        "config_file",
        default=["/etc/octavia/octavia.conf"],
        help=(
            "Octavia's configuration file on this host (absolute path). If each of its "
            "services has its own, as with kolla-ansible, repeat the option, one path "
            "a line: either all of these files are written or none."
        ),
    ),
    cfg.ListOpt(
        "controllers",
        default=[],
        sample_default="<this host>",
        help=(
            "Names of all hosts that run Octavia's services, the same list on each "
            "host: every name is the '[DEFAULT] host' of one conductor."
        ),
    ),
    cfg.StrOpt(
        "admin_connection",
        secret=True,
        help=(
            "URL of the database server for an account that may create databases, "
            "accounts and grants, such as mysql+pymysql://root@localhost/"
            "?unix_socket=/run/mysqld/mysqld.sock or mysql+pymysql://root:PASSWORD@"
            "HOST/. Percent-encode user and password; double each $. Required if "
            "the wanted persistence_connection is MySQL or MariaDB."
        ),
    ),
    cfg.StrOpt(
        "persistence_connection",
        secret=True,
        sample_default="<Octavia's own account and server>",
        help=(
            "URL of the database that keeps the state of Octavia's tasks, such as "
            "mysql+pymysql://octavia:PASSWORD@HOST/octavia_persistence. Default: "
            "[database] connection of config_file, which must be the same on all "
            "controllers, with the database octavia_persistence instead, and "
            "mysql+pymysql for another driver of MySQL or MariaDB. The "
            "database, the account and its grants are created if they are missing. "
            "An existing account keeps its password, so give that one. "
            "Percent-encode user and password (@ is %40, / is %2F, # is %23, % is "
            "%25); double each $. A single controller can use "
            "sqlite:////ABSOLUTE/PATH; the created file and folders belong to the "
            "owner and the group of octavia.conf."
        ),
    ),
    cfg.ListOpt(
        "grant_hosts",
        default=["localhost", "%"],
        help=(
            "The hosts from which the account may log in: for each, one account "
            "user@host is created or checked. % stands for any host, but on MariaDB "
            "not for localhost if the anonymous account exists."
        ),
    ),
]

_WANTED: list[cfg.Opt] = [
    named(
        "jobboard_backend_driver",
        "If octavia.conf sets an option of the jobboard that this driver reads, to "
        "another value than Octavia's default, and the option isn't set here, the "
        "flow is parked before it changes that file. Set the option here on all "
        "controllers, or remove it there.",
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
        "Without TLS, leave the option out: Octavia takes use_ssl:False for https.",
    ),
    named("jobboard_etcd_timeout"),
    named("jobboard_etcd_api_path"),
    named(
        "jobboard_expiration_time",
        "Octavia's default, 30, is too short for long steps; its own tests use 100.",
    ),
    named("jobboard_save_logbook"),
    named("engine"),
    named("max_workers"),
    named("disable_revert"),
]

_ACTING: list[cfg.Opt] = [
    cfg.IntOpt(
        "controllers_at_once",
        default=1,
        min=0,
        help=(
            "On how many controllers the flow may be under way at once, so that the "
            "others serve requests meanwhile; 0 for all of them. The next one begins "
            "when one is done; after a failure none begins. A job keeps the number "
            "with which it was posted."
        ),
    ),
    cfg.StrOpt(
        "service_arguments",
        default="",
        help=(
            "The arguments --config-file and --config-dir with which octavia-worker "
            "is started, in their order, with absolute paths. They decide which file "
            "wins. By default, they are those of its systemd unit, or of Debian's "
            "init script. Set them where neither starts it and there are folders of "
            "configuration, such as: --config-file /etc/octavia/octavia.conf "
            "--config-dir /etc/octavia/conf.d. For services in containers these are "
            "paths there."
        ),
    ),
    cfg.DictOpt(
        "host_paths",
        default={},
        help=(
            "Where files and folders of Octavia's container are on this host, as "
            "PATH:PATH,PATH:PATH, the container's path first, such as "
            "/etc/octavia:/etc/kolla/octavia-worker. This program's own connections "
            "read the certificates that persistence_connection and the TLS options "
            "name there; octavia.conf keeps the container's paths. Certificates that "
            "only the container has are read from it."
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
            "systemd units to restart on this host when its octavia.conf has "
            "changed. Units that don't exist here are skipped. They are restarted one "
            "after the other, octavia-worker last, each when the former one stays up."
        ),
    ),
    cfg.MultiStrOpt(
        "restart_commands",
        default=[],
        help=(
            "Commands that restart Octavia on this host instead of the systemd "
            "units, such as 'docker restart octavia_worker'; repeat the option for "
            "several, which run in this order: name the worker last. No shell runs "
            "them: quotes only group words. Each has 300 s. Whether a container that "
            "docker, podman or nerdctl restarts stays up is looked at by itself; for "
            "other commands, set ready_command."
        ),
    ),
    cfg.StrOpt(
        "ready_command",
        default="",
        help=(
            "A command that succeeds when Octavia's services on this host are up, such "
            "as 'curl -fsS http://127.0.0.1:9876/'. After each restart it is repeated "
            "until it succeeds, for 120 s at most, and once more after 5 s."
        ),
    ),
    cfg.MultiStrOpt(
        "before_restart",
        default=[],
        help=(
            "Commands to run before Octavia's services on this host are restarted, "
            "such as one that takes the host out of the load balancer; repeat the "
            "option for several. Each has 300 s. If one fails, nothing is restarted. "
            "They may be run again after an interruption, so they must be safe to run "
            "twice."
        ),
    ),
    cfg.MultiStrOpt(
        "after_restart",
        default=[],
        help=(
            "Commands to run when Octavia's services on this host were restarted and "
            "stay up; not if they don't. Otherwise as before_restart."
        ),
    ),
    cfg.FloatOpt(
        "idle_timeout",
        default=900.0,
        min=0,
        max=86400,
        help=(
            "Seconds for which the roll-out waits, before Octavia is restarted on this "
            "host, for the load balancers that were in PENDING_CREATE, PENDING_UPDATE "
            "or PENDING_DELETE when the wait began. Without a jobboard, a restart can "
            "leave them in that status for ever."
        ),
    ),
    cfg.StrOpt(
        "when_busy",
        default="park",
        choices=[
            ("park", "Park the flow of this host; nothing was changed on it."),
            ("restart", "Restart Octavia all the same."),
        ],
        help="What to do if load balancers are still in work after idle_timeout.",
    ),
    cfg.FloatOpt(
        "stuck_minutes",
        default=60.0,
        min=1,
        max=100000,
        help=(
            "Minutes after which a load balancer in PENDING_CREATE, PENDING_UPDATE or "
            "PENDING_DELETE without a job on Octavia's jobboard counts as stuck: the "
            "roll-out doesn't wait for it, and the check 'stuck' of "
            "'amphv2-bootstrap verify' fails."
        ),
    ),
    cfg.StrOpt(
        "db_manage_command",
        default="octavia-db-manage",
        help=(
            "The command that runs octavia-db-manage, with its first arguments if "
            "any. The program is looked up in PATH; no shell runs it. With docker, "
            "podman, nerdctl, crictl, kubectl or oc exec, or lxc-attach, such as "
            "'docker exec octavia_worker octavia-db-manage', files go there by stdin. "
            "A script of your own gets paths of this host, of files that only root "
            "may read."
        ),
    ),
    cfg.FloatOpt(
        "db_manage_timeout",
        default=300.0,
        min=10,
        max=3600,
        help=(
            "Seconds after which octavia-db-manage is stopped. It needs about one "
            "second, but more than eight minutes if the database doesn't answer."
        ),
    ),
    cfg.StrOpt(
        "python",
        sample_default="<the interpreter of db_manage_command>",
        help=(
            "Python interpreter (absolute path) that runs Octavia on this host, or the "
            "command that starts it in Octavia's container, such as 'docker exec -i "
            "octavia_worker python3' (also with podman, nerdctl, kubectl and "
            "lxc-attach); stdin must stay open. It must be able to import the "
            "key-value backend's client library."
        ),
    ),
    cfg.StrOpt(
        "install_client_library",
        default="never",
        choices=[
            ("never", "Report what is missing, and stop."),
            ("pip", "Install it with the pip of Octavia's Python."),
            ("packages", "Install the distribution's package."),
        ],
        help="What to do if the client library of the key-value backend is missing.",
    ),
    cfg.BoolOpt(
        "set_default_provider",
        default=False,
        help=(
            "Set [api_settings] default_provider_driver of octavia.conf to a provider "
            "that uses the jobboard, and enable it, where the file's doesn't use it: "
            "up to Octavia 8 (Wallaby) that is amphorav2, since only amphorav2 uses "
            "it; later, amphora. Otherwise such a file is refused before it is changed."
        ),
    ),
    cfg.BoolOpt(
        "install_key_value_backend",
        default=False,
        help=(
            "Install Redis (one server, without Sentinel) or ZooKeeper from the "
            "distribution's packages on key_value_hosts. Otherwise the backend must "
            "exist, and is only checked."
        ),
    ),
    cfg.ListOpt(
        "key_value_hosts",
        default=[],
        help=(
            "Names of the controllers on which to install the key-value backend; "
            "used with install_key_value_backend."
        ),
    ),
]

OPTS: list[cfg.Opt] = [*_TARGET, *_WANTED, *_ACTING]
