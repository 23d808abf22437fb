# SPDX-License-Identifier: Apache-2.0
"""The values that ``build`` refuses, one per case."""

from dataclasses import dataclass

from tests import DATA
from tests.unit.conf.configuration import BOARD, SENTINEL, Options
from tests.unit.conf.configuration import PERSISTENCE as P

ZOOKEEPER, ETCD = (
    {"jobboard_backend_driver": f"{name}_taskflow_driver"}
    for name in ("zookeeper", "etcd")
)
CA = DATA / "ca.pem"
"""The certificate of an authority; nobody has its key any more."""
NO_PASSWORD = {"jobboard_backend_password": None}


@dataclass(frozen=True)
class Case:
    """A change that makes the good configuration bad.

    The only problem begins with ``option``, as ``[group] name``, and has the words
    ``says``.
    """

    id: str
    change: Options
    option: str
    says: tuple[str, ...]


def bad(id: str, change: Options, *says: str, option: str = "") -> Case:  # noqa: A002
    """A case; by default ``option`` is the first changed one."""
    ((group, values),) = change.items()
    return Case(id, change, f"[{group}] {option or next(iter(values))}", says)


def octavia(**values: object) -> Options:
    return {"octavia": values}


def own(**values: object) -> Options:
    return {"task_flow": values}


def url(text: str) -> Options:
    return octavia(persistence_connection=text)


CASES = [
    # The wanted persistence connection.
    bad("url missing", octavia(persistence_connection=None), "octavia.conf has no"),
    bad("url is no url", url(f"octavia:{P}@db1/p"), "driver://"),
    bad("no database", url(f"mysql+pymysql://o:{P}@db1"), "no database"),
    bad("empty database", url(f"mysql+pymysql://o:{P}@db1/"), "no database"),
    bad("no user", url("mysql+pymysql://db1/p"), "user name"),
    bad("no password", url("mysql+pymysql://o@db1/p"), "password"),
    bad("no host", url(f"mysql+pymysql://o:{P}@/p"), "no host"),
    bad("port not a number", url(f"mysql+pymysql://o:{P}@db1:x/p")),
    bad("url port too large", url(f"mysql+pymysql://o:{P}@h:70000/p"), "port"),
    bad("at sign", url(f"mysql+pymysql://o:{P}@ss@h/p"), "%40"),
    bad("at and slash", url(f"mysql+pymysql://o:p@s/{P}#rd@h/p"), "%2F"),
    bad("slash", url(f"mysql+pymysql://o:{P}/x@h/p"), "%2F"),
    bad("hash", url(f"mysql+pymysql://o:{P}#x@h/p"), "%23"),
    bad("bare percent", url(f"mysql+pymysql://o:{P}%zz@h/p"), "%25"),
    bad("single dollar", url(f"mysql+pymysql://o:$x{P}@h/p"), "$$"),
    bad("dollar of an option", url(f"mysql+pymysql://o:${{host}}{P}@h/p"), "$$"),
    bad("space", url(f"mysql+pymysql://o:{P} @h/p"), "space"),
    bad("quote at one end", url(f"'mysql+pymysql://o:{P}@h/p"), "quot"),
    bad("mariadb", url(f"mariadb+pymysql://o:{P}@h/p"), "mysql+pymysql"),
    bad("mysqldb", url(f"mysql://o:{P}@h/p"), "mysql+pymysql"),
    bad("postgresql", url(f"postgresql://o:{P}@h/p"), "MariaDB"),
    bad("system database", url(f"mysql+pymysql://o:{P}@h/mysql"), "server"),
    bad("odd database", url(f"mysql+pymysql://o:{P}@h/a`b"), "characters"),
    bad("memory", url("sqlite://"), "memory"),
    bad("named memory", url("sqlite:///:memory:"), "memory"),
    bad("relative sqlite", url("sqlite:///octavia.sqlite"), "four slashes"),
    bad(
        "password as argument",
        url(f"mysql+pymysql://o:x@h/p?password={P}"),
        "before the host",
    ),
    *(
        bad(f"argument {name}", url(f"mysql+pymysql://o:{P}@h/p?{name}=1"), "allowed")
        for name in (
            "local_infile",
            "read_default_file",
            "init_command",
            "defer_connect",
            "cursorclass",
            "auth_plugin_map",
            "client_flag",
            "server_public_key",
            "no_such_argument",
        )
    ),
    bad("argument of SQLite", url("sqlite:////p?uri=true"), "Remove it"),
    bad(
        "argument for the engine",
        own(persistence_connection="mysql+pymysql://o:x@h/e?local_infile=1"),
        "allowed are",
    ),
    bad(
        "argument for the administrator",
        octavia(admin_connection="mysql+pymysql://o:x@h/?init_command=1"),
        "allowed are",
    ),
    bad(
        "missing certificate",
        url(f"mysql+pymysql://o:{P}@h/p?ssl_ca=/nowhere/ca.pem"),
        "/nowhere/ca.pem",
    ),
    bad("no folder", url(f"mysql+pymysql://o:{P}@h/p?ssl_capath=/none"), "no such"),
    bad("ssl", url(f"mysql+pymysql://o:{P}@h/p?ssl=true"), "ssl_ca=/PATH"),
    bad("ssl_mode", url(f"mysql+pymysql://o:{P}@h/p?ssl_mode=REQUIRED"), "ssl_ca="),
    bad("ssl_ca empty", url(f"mysql+pymysql://o:{P}@h/p?ssl_ca="), "has no value"),
    bad(
        "ssl_verify_cert",
        url(f"mysql+pymysql://o:{P}@h/p?ssl_ca={CA}&ssl_verify_cert=true"),
        "forgets ssl_ca",
    ),
    bad(
        "key password",
        url(f"mysql+pymysql://o:x@h/p?ssl_ca={CA}&ssl_key_password={P}"),
        "pass phrase",
    ),
    bad(
        "no certificate",
        url(f"mysql+pymysql://o:{P}@h/p?ssl_ca=/etc/passwd"),
        "OpenSSL can read",
    ),
    bad("line break", octavia(jobboard_backend_username="x\n  requirepass y"), "line"),
    bad("control in a secret", octavia(jobboard_backend_password=f"{P}\x0bx"), "line"),
    bad("control in a list", octavia(grant_hosts="localhost,a\x7f"), "control"),
    # The administrator's connection.
    bad(
        "admin ssl",
        octavia(admin_connection="mysql+pymysql://root@db1/?ssl=1"),
        "ssl_ca=/PATH",
    ),
    bad("admin missing", octavia(admin_connection=None), "unix_socket"),
    bad("admin is sqlite", octavia(admin_connection="sqlite:////tmp/x")),
    bad(
        "admin without user",
        octavia(admin_connection="mysql+pymysql://db1/"),
        "user name",
    ),
    bad("own ssl", own(persistence_connection=f"mysql+pymysql://o:{P}@h/e?ssl=1")),
    # The key-value backend.
    bad("no hosts", octavia(jobboard_backend_hosts=None), "Name the hosts"),
    bad("empty hosts", octavia(jobboard_backend_hosts="")),
    bad(
        "empty entry",
        octavia(jobboard_backend_hosts="kv1,,kv2", **ZOOKEEPER, **NO_PASSWORD),
        "comma",
    ),
    bad(
        "host with port",
        octavia(jobboard_backend_hosts="kv1:6379"),
        "jobboard_backend_port",
    ),
    bad("quoted list", octavia(jobboard_backend_hosts='"kv1'), "quotes"),
    bad(
        "two Redis hosts",
        octavia(jobboard_backend_hosts="kv1,kv2"),
        "jobboard_redis_sentinel",
    ),
    bad(
        "host twice",
        octavia(jobboard_backend_hosts="kv1,kv1", **ZOOKEEPER, **NO_PASSWORD),
        "once",
    ),
    bad(
        "bare IPv6 for ZooKeeper",
        octavia(jobboard_backend_hosts="fd00::1", **ZOOKEEPER, **NO_PASSWORD),
        "[fd00::1]",
    ),
    bad(
        "bracketed IPv6 for Redis",
        octavia(jobboard_backend_hosts="[fd00::1]"),
        "Write fd00::1",
    ),
    bad(
        "password for ZooKeeper",
        octavia(**ZOOKEEPER),
        "Remove",
        option="jobboard_backend_password",
    ),
    bad(
        "password for etcd",
        octavia(**ETCD),
        "Remove",
        option="jobboard_backend_password",
    ),
    bad(
        "user for etcd",
        octavia(jobboard_backend_username="u", **ETCD, **NO_PASSWORD),
        "etcd",
    ),
    bad(
        "user without password",
        octavia(jobboard_backend_username="u", **NO_PASSWORD),
        "jobboard_backend_password",
    ),
    bad(
        "Sentinel password alone",
        octavia(jobboard_redis_sentinel_password=SENTINEL),
        "master set",
    ),
    bad(
        "Sentinel user alone",
        octavia(jobboard_redis_sentinel_username="u", jobboard_redis_sentinel="m"),
        "jobboard_redis_sentinel_password",
    ),
    bad(
        "Redis option for ZooKeeper",
        octavia(jobboard_redis_sentinel="m", **ZOOKEEPER, **NO_PASSWORD),
        "zookeeper",
    ),
    bad(
        "driver unknown",
        octavia(jobboard_backend_driver="memcached"),
        "redis_taskflow_driver",
    ),
    bad("port too large", octavia(jobboard_backend_port=65536), "65535"),
    bad("port zero", octavia(jobboard_backend_port=0), "at least 1"),
    bad("port is text", octavia(jobboard_backend_port="redis"), "port number"),
    bad("expiration too short", octavia(jobboard_expiration_time=4), "5"),
    bad(
        "expiration not whole", octavia(jobboard_expiration_time="30.5"), "whole number"
    ),
    bad("redis db negative", octavia(jobboard_redis_backend_db=-1)),
    bad("not a boolean", octavia(jobboard_save_logbook="perhaps"), "true or false"),
    bad(
        "etcd path", octavia(jobboard_etcd_api_path="v3", **ETCD, **NO_PASSWORD), "/v3/"
    ),
    bad("namespace empty", octavia(jobboard_backend_namespace=""), "octavia_jobboard"),
    bad("namespace with slash", octavia(jobboard_backend_namespace="a/b")),
    bad("namespace with space", own(jobboard_backend_namespace="a b")),
    bad("namespace too long", own(jobboard_backend_namespace="a" * 65), "64"),
    bad(
        "namespaces equal",
        own(jobboard_backend_namespace="octavia_jobboard"),
        "amphv2_bootstrap",
    ),
    # TLS.
    bad(
        "etcd use_ssl false",
        octavia(jobboard_etcd_ssl_options="use_ssl:False", **ETCD, **NO_PASSWORD),
        "Leave the option out",
    ),
    bad(
        "etcd without use_ssl",
        octavia(jobboard_etcd_ssl_options=f"ca_cert:{CA}", **ETCD, **NO_PASSWORD),
        "use_ssl:True",
    ),
    bad(
        "redis without ssl",
        octavia(jobboard_redis_backend_ssl_options=f"ssl_ca_certs:{CA}"),
        "ssl:True",
    ),
    bad(
        "unknown key",
        octavia(jobboard_redis_backend_ssl_options="ssl:True,ssl_ca_cert:/etc/passwd"),
        "ssl_ca_certs?",
    ),
    bad(
        "requirement unknown",
        octavia(jobboard_redis_backend_ssl_options="ssl:True,ssl_cert_reqs:yes"),
        "required",
    ),
    bad(
        "key without certificate",
        octavia(jobboard_redis_backend_ssl_options="ssl:True,ssl_keyfile:/etc/passwd"),
        "ssl_certfile",
    ),
    bad(
        "certificate missing",
        octavia(jobboard_redis_backend_ssl_options="ssl:True,ssl_ca_certs:/nowhere/ca"),
        "/nowhere/ca",
    ),
    bad(
        "certificate relative",
        octavia(jobboard_redis_backend_ssl_options="ssl:True,ssl_ca_certs:ca.pem"),
        "absolute",
    ),
    bad(
        "not pairs",
        octavia(jobboard_zookeeper_ssl_options=BOARD, **ZOOKEEPER, **NO_PASSWORD),
        "key:value",
    ),
    bad(
        "switch unclear",
        octavia(
            jobboard_zookeeper_ssl_options="use_ssl:True,verify_certs:maybe",
            **ZOOKEEPER,
            **NO_PASSWORD,
        ),
        "verify_certs",
    ),
    bad(
        "authority that Octavia's client can't use",
        octavia(
            jobboard_zookeeper_ssl_options=f"use_ssl:True,ca:{CA}",
            **ZOOKEEPER,
            **NO_PASSWORD,
        ),
        "unknown key",
    ),
    bad(
        "authority of the own board missing",
        own(
            jobboard_backend_driver="zookeeper_taskflow_driver",
            jobboard_backend_hosts="kv1",
            jobboard_zookeeper_ssl_options="use_ssl:True,ca:/nowhere/ca",
        ),
        "/nowhere/ca",
        option="jobboard_zookeeper_ssl_options",
    ),
    # Controllers, grants, installation.
    bad("controller in other letters", octavia(controllers="c1,C1"), "C1, c1"),
    bad("controller twice", octavia(controllers="c1,c2,c1"), "c1"),
    bad("controller empty", octavia(controllers="c1,,c2")),
    bad("own name with space", {"DEFAULT": {"host": "c 1"}}),
    bad("grant host twice", octavia(grant_hosts="%,%"), "once"),
    bad("grant hosts empty", octavia(grant_hosts=""), "localhost,%"),
    bad("grant host quoted", octavia(grant_hosts="'localhost',%"), "quote"),
    bad("grant host with space", octavia(grant_hosts="local host")),
    bad(
        "etcd timeout of the own board",
        own(
            jobboard_backend_driver="etcd_taskflow_driver",
            jobboard_backend_hosts="kv1",
            jobboard_etcd_timeout=4,
        ),
        "3 or less",
        option="jobboard_etcd_timeout",
    ),
    bad(
        "install etcd",
        octavia(install_key_value_backend=True, **ETCD, **NO_PASSWORD),
        "yourself",
    ),
    bad(
        "install Sentinel",
        octavia(
            install_key_value_backend=True,
            key_value_hosts="c1",
            jobboard_redis_sentinel="m",
        ),
        "jobboard_redis_sentinel",
    ),
    bad(
        "install nowhere",
        octavia(install_key_value_backend=True),
        "same order",
        option="key_value_hosts",
    ),
    bad(
        "install elsewhere",
        octavia(key_value_hosts="c9", install_key_value_backend=True),
        "c1, c2",
    ),
    bad(
        "install without password",
        octavia(install_key_value_backend=True, key_value_hosts="c1", **NO_PASSWORD),
        "Set one",
        option="jobboard_backend_password",
    ),
    # Paths and commands of this host.
    bad(
        "octavia.conf missing",
        octavia(config_file="/nowhere/octavia.conf"),
        "correct the path",
    ),
    bad(
        "octavia.conf as a list",
        octavia(config_file="/etc/worker/octavia.conf,/etc/api/octavia.conf"),
        "Repeat the option",
    ),
    bad(
        "octavia.conf as a pattern",
        octavia(config_file="/etc/kolla/*/octavia.conf"),
        "Repeat the option",
    ),
    bad(
        "octavia.conf twice",
        octavia(config_file=["/etc/passwd", "/etc//passwd"]),
        "twice",
    ),
    bad(
        "octavia.conf empty",
        octavia(config_file=""),
        "absolute",
    ),
    bad(
        "one of several missing",
        octavia(config_file=["/etc/passwd", "/nowhere/octavia.conf"]),
        "/nowhere/octavia.conf",
        option="config_file",
    ),
    bad(
        "service arguments of several services",
        octavia(
            config_file=["/etc/passwd", "/etc/hosts"],
            service_arguments="--config-file /etc/passwd",
        ),
        "several files",
        option="service_arguments",
    ),
    bad(
        "service arguments that don't load the container's octavia.conf",
        octavia(
            config_file=["/etc/passwd", "/etc/hosts"],
            python="sh octavia_worker python3",
            service_arguments="--config-file /etc/octavia/passwd",
        ),
        "/etc/octavia/hosts",
        option="service_arguments",
    ),
    bad("octavia.conf relative", octavia(config_file="octavia.conf"), "absolute"),
    bad("state path relative", {"DEFAULT": {"state_path": "state"}}, "absolute"),
    bad(
        "service arguments of another kind",
        octavia(service_arguments="--config-file /a.conf --log-file=/b"),
        "--log-file",
    ),
    bad(
        "service argument without path",
        octavia(service_arguments="--config-dir"),
        "absolute",
    ),
    bad(
        "service argument relative",
        octavia(service_arguments="--config-dir=conf.d"),
        "absolute",
    ),
    bad(
        "config_file isn't loaded",
        octavia(service_arguments="--config-file=/elsewhere/octavia.conf"),
        "load config_file",
    ),
    bad("db-manage empty", octavia(db_manage_command=""), "program"),
    bad("db-manage quotes", octavia(db_manage_command="a 'b"), "Complete"),
    bad("db-manage timeout", octavia(db_manage_timeout=0), "10"),
    bad("restart quotes", octavia(restart_commands=["true", 'a "b']), "Complete"),
    bad("python missing", octavia(python="/nowhere/python")),
    bad(
        "python of a tool that isn't there",
        octavia(python="no-such-docker exec -i octavia_worker python3"),
        "no-such-docker",
    ),
    bad("python quotes", octavia(python="docker exec 'a b"), "Complete"),
    bad("python no program", octavia(python="/etc/passwd"), "interpreter"),
    bad("unit with space", octavia(services="octavia worker"), "unit"),
    bad(
        "client library",
        octavia(install_client_library="always"),
        "never, pip, packages",
    ),
    # The engine's own backends.
    bad(
        "own url", own(persistence_connection=f"mysql+pymysql://o:{P}@h"), "no database"
    ),
    bad("own in memory", own(persistence_connection="sqlite://"), "memory"),
    bad(
        "own is Octavia's",
        own(
            persistence_connection=f"mysql+pymysql://x:{P}@db1:3306/octavia_persistence"
        ),
        "another database",
    ),
    bad("own hosts for sql", own(jobboard_backend_hosts="kv1"), "sql"),
    bad(
        "own hosts missing",
        own(jobboard_backend_driver="redis"),
        option="jobboard_backend_hosts",
    ),
    bad("own expiration", own(jobboard_expiration_time=1), "5"),
    # The conductor.
    bad("no concurrency", {"conductor": {"concurrency": 0}}, "at least 1"),
    bad("negative interval", {"conductor": {"poll_interval": -1}}),
    bad(
        "waits crossed",
        {"conductor": {"step_retry_first_wait": 11}},
        "step_retry_max_wait",
    ),
    # What oslo.config would pass over.
    bad("log option", {"DEFAULT": {"max_logfile_count": "x"}}, "oslo.log"),
    bad("dashed", {"DEFAULT": {"state-path": "/x"}}, "state_path?"),
    bad("misspelt", octavia(jobbord_save_logbook=True), "jobboard_save_logbook?"),
    bad("wrong group", octavia(concurrency=2), "[conductor]"),
    bad("enabled", octavia(jobboard_enabled=True), "Remove"),
    bad("set twice", octavia(grant_hosts=["%", "localhost"]), "Keep one"),
]
