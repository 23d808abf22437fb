# SPDX-License-Identifier: Apache-2.0
"""What ``build`` makes of good configurations."""

import os
import stat
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.mysql import database_url
from amphv2_bootstrap.conf import load
from amphv2_bootstrap.conf.build import build
from amphv2_bootstrap.errors import InvalidInputError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.octavia_options import ALWAYS_WRITTEN, TASK_FLOW_OPTIONS
from amphv2_bootstrap.steps.retry_policy import RetryPolicy
from tests.servers.certificates import Authority
from tests.unit.conf.cases import CA
from tests.unit.conf.configuration import (
    ADMIN,
    BOARD,
    PERSISTENCE,
    SECRETS,
    SENTINEL,
    Configuration,
)


def test_least_configuration(configuration: Configuration) -> None:
    """Of the options that aren't set, only the five are wanted."""
    loaded = configuration.build()
    assert loaded.spec.task_flow == {
        "jobboard_enabled": True,
        "jobboard_backend_driver": "redis_taskflow_driver",
        "jobboard_backend_hosts": ("kv1",),
        "jobboard_backend_port": 6379,
        "jobboard_backend_namespace": "octavia_jobboard",
    }
    assert set(loaded.spec.task_flow) == set(ALWAYS_WRITTEN)
    assert loaded.spec.persistence == DatabaseUrl(
        "mysql+pymysql", "octavia", "db1", None, "octavia_persistence"
    )
    assert loaded.spec.controllers == ("c1", "c2")
    assert loaded.spec.grant_hosts == ("localhost", "%")
    assert loaded.warnings == ()


@pytest.mark.parametrize(("text", "limit"), [(None, 1), ("2", 2), ("0", None)])
def test_controllers_at_once(
    text: str | None, limit: int | None, configuration: Configuration
) -> None:
    """One by default; 0 means that there is no limit."""
    change = {"octavia": {"controllers_at_once": text}}
    assert configuration.change(change).build().spec.controllers_at_once == limit


def test_secrets_are_split_off(configuration: Configuration) -> None:
    """Each secret is in ``secrets`` under its name, which the specification has."""
    loaded = configuration.build()
    assert {name: loaded.secrets.text(name) for name in loaded.secrets} == {
        "admin_password": ADMIN,
        "jobboard_backend_password": BOARD,
        "persistence_password": PERSISTENCE,
    }
    assert loaded.spec.secret_names == tuple(loaded.secrets)


def test_no_secret_is_ever_printed(configuration: Configuration) -> None:
    """Nothing that is loaded shows a secret in its text."""
    configuration.change(
        {
            "octavia": {
                "jobboard_redis_sentinel": "m",
                "jobboard_redis_sentinel_password": SENTINEL,
            },
            "task_flow": {
                "jobboard_backend_driver": "redis",
                "jobboard_backend_hosts": "kv1",
                "jobboard_backend_password": BOARD,
            },
        }
    )
    loaded = configuration.build()
    shown = repr(loaded) + str(loaded) + repr(loaded.spec.to_dict())
    shown += repr(loaded.secrets) + repr(dict(loaded.secrets))
    assert not [secret for secret in SECRETS if secret in shown]


def test_sentinel(configuration: Configuration) -> None:
    """With Sentinel several hosts are allowed, and the default port is Sentinel's."""
    configuration.change(
        {
            "octavia": {
                "jobboard_backend_hosts": "s1, s2 ,s3",
                "jobboard_backend_username": "octavia",
                "jobboard_redis_backend_db": 3,
                "jobboard_redis_sentinel": "mymaster",
                "jobboard_redis_sentinel_username": "sentinel",
                "jobboard_redis_sentinel_password": SENTINEL,
                "jobboard_redis_sentinel_ssl_options": "ssl:False",
                "jobboard_redis_backend_ssl_options": (f"ssl:True,ssl_ca_certs:{CA}"),
                "jobboard_save_logbook": "yes",
                "jobboard_expiration_time": 100,
            }
        }
    )
    loaded = configuration.build()
    wanted = loaded.spec.task_flow
    assert loaded.spec.key_value_servers == (
        ("s1", 26379),
        ("s2", 26379),
        ("s3", 26379),
    )
    assert wanted["jobboard_redis_backend_db"] == 3
    assert wanted["jobboard_save_logbook"] is True
    assert wanted["jobboard_expiration_time"] == 100
    assert wanted["jobboard_redis_sentinel_ssl_options"] == {"ssl": "False"}
    assert loaded.secrets.text("jobboard_redis_sentinel_password") == SENTINEL
    assert "jobboard_redis_sentinel_password" not in wanted
    assert loaded.warnings == ()


def test_zookeeper(configuration: Configuration, authority: Authority) -> None:
    """ZooKeeper has its own port; its key file's password is among the secrets."""
    pair = authority.pair("client", password=BOARD)
    configuration.change(
        {
            "octavia": {
                "jobboard_backend_driver": "zookeeper_taskflow_driver",
                "jobboard_backend_hosts": "zk1,[fd00::1],10.0.0.3",
                "jobboard_backend_password": None,
                "jobboard_zookeeper_ssl_options": (
                    f"use_ssl:True,keyfile:{pair.key},keyfile_password:"
                    f"{BOARD},certfile:{pair.certificate},verify_certs:True"
                ),
            }
        }
    )
    loaded = configuration.build()
    assert loaded.spec.driver == "zookeeper"
    assert loaded.spec.task_flow["jobboard_backend_port"] == 2181
    assert loaded.spec.task_flow["jobboard_zookeeper_ssl_options"] == {
        "use_ssl": "True",
        "keyfile": str(pair.key),
        "certfile": str(pair.certificate),
        "verify_certs": "True",
    }
    assert loaded.secrets.text("jobboard_zookeeper_keyfile_password") == BOARD
    assert "jobboard_zookeeper_keyfile_password" in loaded.spec.secret_names
    assert BOARD not in repr(loaded)


def test_etcd(configuration: Configuration) -> None:
    """etcd has its own port, timeout, path and TLS."""
    configuration.change(
        {
            "octavia": {
                "jobboard_backend_driver": "etcd_taskflow_driver",
                "jobboard_backend_hosts": "fd00::1",
                "jobboard_backend_password": None,
                "jobboard_etcd_timeout": 7,
                "jobboard_etcd_api_path": "/v3/",
                "jobboard_etcd_ssl_options": (f"use_ssl:True,ca_cert:{CA}"),
            }
        }
    )
    wanted = configuration.build().spec.task_flow
    assert wanted["jobboard_backend_port"] == 2379
    assert wanted["jobboard_etcd_timeout"] == 7
    assert wanted["jobboard_etcd_api_path"] == "/v3/"
    assert wanted["jobboard_etcd_ssl_options"] == {
        "use_ssl": "True",
        "ca_cert": str(CA),
    }


@pytest.mark.parametrize(
    ("driver", "short"),
    [
        ("redis_taskflow_driver", "redis"),
        ("redis", "redis"),
        ("zookeeper", "zookeeper"),
        ("etcd_taskflow_driver", "etcd"),
    ],
)
def test_own_board(driver: str, short: str, configuration: Configuration) -> None:
    """The engine's own board accepts Octavia's driver names and short ones."""
    configuration.change(
        {
            "task_flow": {
                "jobboard_backend_driver": driver,
                "jobboard_backend_hosts": "k",
            }
        }
    )
    board = configuration.build().engine.board
    assert (board.driver, board.hosts) == (short, ("k",))
    assert board.port == {"redis": 6379, "zookeeper": 2181, "etcd": 2379}[short]
    assert board.namespace == "amphv2_bootstrap"
    assert board.expiry == 12.0


def test_own_defaults(configuration: Configuration) -> None:
    """By default the engine uses SQLite under state_path and the sql board."""
    configuration.change(
        {
            "DEFAULT": {"state_path": "/srv/a state%20"},
            "octavia": {"controllers": None},
            "task_flow": {"persistence_connection": None},
            "conductor": {"step_retry_max_elapsed": 60, "grace_period": 0},
        }
    )
    loaded = configuration.build()
    url, _ = database_url.parse(loaded.engine.persistence_connection.reveal())
    assert url == DatabaseUrl("sqlite", database="/srv/a state%20/engine.sqlite")
    assert loaded.engine.board.driver == "sql"
    assert loaded.spec.controllers == ("c1",)
    assert loaded.retry == RetryPolicy(max_elapsed=60.0)
    assert loaded.conductor.grace_period == 0


def test_sqlite_target_needs_no_administrator(configuration: Configuration) -> None:
    """A SQLite target has no accounts: no administrator, and no database secret."""
    configuration.change(
        {
            "octavia": {
                "persistence_connection": "sqlite:////srv/octavia.sqlite",
                "admin_connection": None,
                "controllers": "c1",
            }
        }
    )
    loaded = configuration.build()
    assert loaded.spec.persistence.is_sqlite
    assert loaded.spec.secret_names == ("jobboard_backend_password",)
    assert loaded.host.admin == loaded.spec.persistence


def test_host_settings(configuration: Configuration) -> None:
    """Commands are split as by a shell, and the interpreter is searched for."""
    configuration.change(
        {
            "octavia": {
                "admin_connection": "mysql+pymysql://root@localhost/?unix_socket=/s",
                "db_manage_command": "docker exec 'octavia api' octavia-db-manage",
                "restart_commands": ["docker restart a", "docker restart 'b c'"],
                "services": "octavia-worker",
                "host_paths": f"/etc/octavia:{configuration.folder}",
                "service_arguments": (
                    "--config-file /etc/octavia/octavia.conf"
                    " --config-dir='/etc/octavia/conf.d'"
                ),
            }
        }
    )
    configuration.write(configuration.text())
    conf = load([], [str(configuration.path)])
    loaded = build(conf, find_python=lambda argv: f"python of {argv[2]}")
    host = loaded.host
    assert host.db_manage_command[:3] == ("docker", "exec", "octavia api")
    assert host.octavia_python == "python of octavia api"
    assert host.restart_commands[1] == ("docker", "restart", "b c")
    assert host.services == ("octavia-worker",)
    assert host.service_arguments == (
        ("--config-file", "/etc/octavia/octavia.conf"),
        ("--config-dir", "/etc/octavia/conf.d"),
    )
    assert host.admin.database is None
    assert host.admin.query == {"unix_socket": "/s"}
    assert "admin_password" not in loaded.spec.secret_names


def test_every_option_of_octavia_can_be_wanted() -> None:
    """[octavia] has each option of Octavia's [task_flow] but ``jobboard_enabled``."""
    names = set(load([], []).octavia)
    assert {option.name for option in TASK_FLOW_OPTIONS} - names == {"jobboard_enabled"}


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(password=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_any_password_survives(password: str, tmp_path: Path) -> None:
    """Any password is read back, if it was encoded and each $ doubled."""
    encoded = quote(password, safe="$").replace("$", "$$")
    configuration = Configuration(tmp_path).change(
        {
            "octavia": {
                "persistence_connection": f"mysql+pymysql://o:{encoded}@db1/p",
            }
        }
    )
    loaded = configuration.build()
    assert loaded.secrets.text("persistence_password") == password


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"octavia": {"controllers": "c2,c3"}}, "doesn't name this host, c1"),
        ({"octavia": {"jobboard_expiration_time": 99}}, "is 99 s"),
        ({"octavia": {"key_value_hosts": "c1"}}, "install_key_value_backend"),
        (
            {"octavia": {"jobboard_backend_hosts": "127.0.0.1"}},
            "a different server on each controller",
        ),
        (
            {"task_flow": {"persistence_connection": None}},
            "separate database on each host",
        ),
        (
            {"octavia": {"persistence_connection": "mysql+pymysql://o:w@localhost/p"}},
            "separate database on each host",
        ),
        (
            {"octavia": {"persistence_connection": "mysql+pymysql://o:O@db1/p"}},
            "also its user's or its database's name",
        ),
        (
            {"octavia": {"admin_connection": "mysql+pymysql://root:root@db1/"}},
            "also its user's or its database's name",
        ),
        (
            {
                "octavia": {
                    "jobboard_backend_driver": "etcd_taskflow_driver",
                    "jobboard_backend_hosts": "e1,e2",
                    "jobboard_backend_password": None,
                }
            },
            "the first only",
        ),
        (
            {
                "octavia": {
                    "jobboard_backend_driver": "zookeeper_taskflow_driver",
                    "jobboard_expiration_time": 100,
                    "jobboard_backend_password": None,
                }
            },
            "the driver is zookeeper, which doesn't read it",
        ),
        (
            {
                "octavia": {
                    "controllers": "c1",
                    "persistence_connection": "sqlite:////var/octavia.sqlite",
                    "jobboard_backend_password": None,
                }
            },
            "can't be authenticated",
        ),
    ],
)
def test_warnings(
    change: dict[str, dict[str, object]], says: str, configuration: Configuration
) -> None:
    """What may be intended is a warning, and no error."""
    (warning,) = configuration.change(change).build().warnings
    assert says in warning


def test_files_of_other_hosts_are_not_required(configuration: Configuration) -> None:
    """A host that is no controller can post without the controllers' files."""
    configuration.change(
        {
            "octavia": {
                "controllers": "c2",
                "config_file": "/elsewhere/octavia.conf",
                "jobboard_redis_backend_ssl_options": "ssl:True,ssl_ca_certs:/e/ca",
            }
        }
    )
    loaded = configuration.build()
    assert loaded.host.config_file == "/elsewhere/octavia.conf"


def test_open_file_with_secrets_is_a_warning(configuration: Configuration) -> None:
    """If others may read a file with secrets, a warning says so; the mode stays."""
    configuration.write(configuration.text())
    configuration.path.chmod(0o640)
    conf = load([], [str(configuration.path)])
    (warning,) = build(conf, find_python=lambda _: None).warnings
    assert "chmod 0600" in warning
    assert stat.S_IMODE(configuration.path.stat().st_mode) == 0o640


def test_some_controllers(configuration: Configuration) -> None:
    """A subset keeps the configured order, and nothing else changes."""
    configuration.change({"octavia": {"controllers": "c1,c2,c3"}})
    chosen = configuration.build(["c3", "c1"]).spec
    assert chosen.controllers == ("c1", "c3")
    assert chosen.task_flow == configuration.build().spec.task_flow


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], ["names no controller"]),
        (["ctl-1", ""], ["empty name"]),
        (["ctl-3"], ["?). Choose from ctl-1, ctl-2"]),
        (["ctl-3", "ctl-1", "ctl-1"], ["'ctl-3'", "'ctl-1' twice"]),
    ],
    ids=["none", "empty", "unknown", "several"],
)
def test_some_controllers_are_refused(
    names: list[str], says: list[str], configuration: Configuration
) -> None:
    """Each wrong name is a problem of its own."""
    configuration.change({"octavia": {"controllers": "ctl-1,ctl-2"}})
    with pytest.raises(InvalidInputError) as caught:
        configuration.build(names)
    assert len(caught.value.problems) == len(says)
    for problem, words in zip(caught.value.problems, says, strict=True):
        assert words in problem


def test_names_and_options_are_refused_together(configuration: Configuration) -> None:
    """Wrong names and options are reported together."""
    configuration.change({"octavia": {"jobboard_backend_port": "many"}})
    with pytest.raises(InvalidInputError) as caught:
        configuration.build(["c9"])
    port, name = caught.value.problems
    assert "jobboard_backend_port" in port
    assert "'c9'" in name


def test_config_file_may_be_repeated(configuration: Configuration) -> None:
    """Each line names a file, in this order; the first one stands for all."""
    files = [str(configuration.folder / name) for name in ("octavia.conf", "hk.conf")]
    Path(files[1]).write_text("[DEFAULT]\n")
    configuration.change({"octavia": {"config_file": files}})
    host = configuration.build().host
    assert (host.config_files, host.config_file) == (tuple(files), files[0])
    assert [one.config_files for one in host.of_each_file()] == [(f,) for f in files]


_SYSTEMCTL = """\
#!/bin/sh
echo LoadState=loaded
echo "ExecStart={{ path=/u/octavia-worker ; argv[]=/u/octavia-worker \
--config-file {first} --config-dir {folder} ; ignore_errors=no ; }}"
"""


def _without_url(configuration: Configuration, *lines: str) -> Configuration:
    """The configuration without persistence_connection; lines of octavia.conf."""
    octavia = configuration.folder / "octavia.conf"
    octavia.write_text("\n".join(["[database]", *lines, ""]))
    return configuration.change({"octavia": {"persistence_connection": None}})


def test_the_default_url_is_octavias_own_with_another_database(
    configuration: Configuration,
) -> None:
    """Account, password, server and arguments are those of [database] connection."""
    password = "p@ss:w/o#r%d$1"
    text = f"mysql+pymysql://octavia:{quote(password, safe='$')}@db9:3307/octavia"
    line = f"connection = {text.replace('$', '$$')}?charset=utf8"
    loaded = _without_url(configuration, line).build()
    assert loaded.spec.persistence == DatabaseUrl(
        "mysql+pymysql",
        "octavia",
        "db9",
        3307,
        "octavia_persistence",
        {"charset": "utf8"},
    )
    assert loaded.secrets.text("persistence_password") == password
    assert password not in str(loaded)


def test_the_default_url_is_the_one_that_octavia_loads(
    configuration: Configuration,
) -> None:
    """A file that service_arguments names later wins over config_file."""
    later = configuration.folder / "later.conf"
    later.write_text("[database]\nconnection = mysql+pymysql://o:1ater@db2/octavia\n")
    first = configuration.folder / "octavia.conf"
    arguments = f"--config-file {first} --config-file {later}"
    configuration.change({"octavia": {"service_arguments": arguments}})
    loaded = _without_url(
        configuration, "connection = mysql+pymysql://o:first@db1/octavia"
    ).build()
    assert loaded.spec.persistence.host == "db2"
    assert loaded.secrets.text("persistence_password") == "1ater"


@pytest.mark.parametrize("driver", ["mysql", "mysql+mysqldb", "mariadb+pymysql"])
def test_the_default_url_has_the_driver_that_taskflow_can_use(
    driver: str, configuration: Configuration
) -> None:
    """Each driver of MySQL and MariaDB becomes PyMySQL, which Octavia requires."""
    line = f"connection = {driver}://octavia:s3same@db1/octavia"
    loaded = _without_url(configuration, line).build()
    assert loaded.spec.persistence == DatabaseUrl(
        "mysql+pymysql", "octavia", "db1", None, "octavia_persistence"
    )


def test_the_default_url_is_the_one_of_the_services_unit(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the unit's arguments, as RDO's, a file in a folder wins over config_file."""
    folder = configuration.folder / "conf.d"
    folder.mkdir()
    later = folder / "50-database.conf"
    later.write_text("[database]\nconnection = mysql+pymysql://o:1ater@db2/octavia\n")
    first = configuration.folder / "octavia.conf"
    programs = configuration.folder / "bin"
    programs.mkdir()
    systemctl = programs / "systemctl"
    systemctl.write_text(_SYSTEMCTL.format(first=first, folder=folder))
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setattr(Systemd, "available", lambda _: True)
    loaded = _without_url(
        configuration, "connection = mysql+pymysql://o:first@db1/octavia"
    ).build()
    assert loaded.spec.persistence.host == "db2"
    assert loaded.persistence_from == f"[database] connection of {later}"


def test_where_the_url_is_from(configuration: Configuration) -> None:
    """A configured URL is from nowhere else; the default says which file has it."""
    assert configuration.build().persistence_from == ""
    loaded = _without_url(
        configuration, "connection = mysql+pymysql://o:first@db1/octavia"
    ).build()
    file = configuration.folder / "octavia.conf"
    assert loaded.persistence_from == f"[database] connection of {file}"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "octavia.conf has no [database] connection that this program can read"),
        ("connection = sqlite:////var/octavia.db", "Octavia's own database is SQLite"),
        (
            "connection = postgresql://o:1ater@db1/octavia",
            "taken from Octavia's [database] connection, has the driver postgresql,",
        ),
        ("connection = mysql+pymysql://o:1@ter@db1/octavia", "unencoded"),
        (
            "connection = mysql+pymysql://o:1ater@$my_ip/octavia",
            "that refers to another",
        ),
        ("connection = mysql://o:1ater@db1/octavia?ssl_mode=REQUIRED", "ssl_mode"),
    ],
    ids=["none", "SQLite", "other server", "no URL", "reference", "argument"],
)
def test_where_there_is_no_default_url_it_says_why(
    configuration: Configuration, line: str, says: str
) -> None:
    """The only problem names the option and where its default would come from."""
    with pytest.raises(InvalidInputError) as caught:
        _without_url(configuration, line).build()
    (problem,) = caught.value.problems
    assert problem.startswith("[octavia] persistence_connection")
    assert says in problem
    assert "ter" not in problem.replace("character", "").replace("after", "")


def test_arguments_of_several_services_in_containers(
    configuration: Configuration, tmp_path: Path
) -> None:
    """Each container has its own octavia.conf at the same path, as kolla-ansible's."""
    folders = [tmp_path / "octavia-worker", tmp_path / "octavia-api"]
    for folder in folders:
        folder.mkdir()
        (folder / "octavia.conf").write_text(
            "[database]\nconnection = mysql+pymysql://o:s3same@db5/octavia\n"
        )
    octavia = {
        "persistence_connection": None,
        "config_file": [f"{folder}/octavia.conf" for folder in folders],
        "python": "sh exec -i octavia_worker python3",
        "host_paths": f"/etc/octavia:{folders[0]}",
        "service_arguments": "--config-file /etc/octavia/octavia.conf",
    }
    configuration.change({"octavia": octavia})
    loaded = configuration.build()
    arguments = (("--config-file", "/etc/octavia/octavia.conf"),)
    assert loaded.host.service_arguments == arguments
    assert loaded.spec.persistence.host == "db5"
