# SPDX-License-Identifier: Apache-2.0
"""``init`` without a terminal, as tools call it."""

import contextlib
import re
import shlex
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from amphv2_bootstrap.cmd.main import main
from amphv2_bootstrap.conf.build import Loaded, build
from amphv2_bootstrap.conf.loading import load

_URL = "mysql+pymysql://octavia:0ctavia-Sesame@db1/octavia"
_TASK_FLOW = """
[task_flow]
jobboard_enabled = True
jobboard_backend_hosts = kv7
jobboard_backend_password = 'kv$$Sesame'
jobboard_backend_username = $host
jobboard_expiration_time = 30
max_workers = 9
persistence_connection = sqlite://
"""
_ADMIN = "mysql+pymysql://root@localhost/?unix_socket=/run/mysqld/mysqld.sock"
_SECRET = "typ3d-Sesame"

Init = Callable[..., tuple[int, str, str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the configuration must be written; octavia.conf is beside it."""
    (tmp_path / "octavia.conf").write_text(f"[database]\nconnection = {_URL}\n")
    return tmp_path / "amphv2.conf"


@pytest.fixture
def init(file: Path, capsys: pytest.CaptureFixture[str]) -> Init:
    """Runs ``init`` with these settings: code, output, errors."""

    def command(*settings: str) -> tuple[int, str, str]:
        octavia_conf = f"octavia.config_file={file.with_name('octavia.conf')}"
        words = [word for each in (octavia_conf, *settings) for word in ("--set", each)]
        try:
            code = main(["--config-file", str(file), "init", *words])
        except SystemExit as exc:
            code = int(exc.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def _built(file: Path) -> Loaded:
    return build(load(config_files=[str(file)]))


def test_the_file_is_commented_and_private(init: Init, file: Path) -> None:
    """It has the options' own help, also of what is left at its default."""
    code, out, err = init(
        f"octavia.admin_connection={_ADMIN}",
        "octavia.jobboard_backend_hosts=kv1",
        "octavia.restart_commands=docker restart a",
        "octavia.restart_commands=docker restart $b",
    )
    assert code == 0, err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert "\n# URL of the database server for an account that may create" in text
    assert f"\nadmin_connection = {_ADMIN}\n" in text
    assert "\n#persistence_connection = <Octavia's own account and server>\n" in text
    assert "\n#controllers = <this host>\n" in text
    assert "Sesame" not in text + out + err
    loaded = _built(file)
    assert loaded.host.restart_commands == (
        ("docker", "restart", "a"),
        ("docker", "restart", "$b"),
    )
    assert loaded.spec.task_flow["jobboard_expiration_time"] == 100
    assert "octavia:***@db1/octavia_persistence, by [database] connection" in err
    assert out.splitlines()[0] == f"Wrote {file} (mode 0600)."
    assert "db upgrade" not in out


def test_octavias_jobboard_options_are_taken_over(init: Init, file: Path) -> None:
    """But no defaults, no references, and nothing that isn't the jobboard's to keep."""
    with file.with_name("octavia.conf").open("a") as stream:
        stream.write(_TASK_FLOW)
    code, out, err = init(f"octavia.admin_connection={_ADMIN}")
    assert code == 0, err
    loaded = _built(file)
    assert loaded.spec.key_value_servers == (("kv7", 6379),)
    assert loaded.secrets.text("jobboard_backend_password") == "kv$Sesame"
    assert loaded.spec.persistence.database == "octavia_persistence"
    assert "jobboard_backend_username =" not in file.read_text()
    assert "Sesame" not in out + err


def test_all_problems_are_reported_and_nothing_is_written(
    init: Init, file: Path
) -> None:
    """A missing, a misspelt and a wrong option are named together."""
    code, _, err = init("octavia.contrllers=a,b", "octavia.jobboard_backend_port=many")
    assert code == 2
    assert err.count("  * ") == 4
    assert f"contrllers in {file} is an unknown option (did you mean" in err
    for option in ("admin_connection", "jobboard_backend_hosts", "backend_port"):
        assert f"{option} is" in err
    assert not file.exists()


@pytest.mark.parametrize("is_link", [False, True], ids=["file", "link to nowhere"])
def test_what_is_there_is_not_touched(init: Init, file: Path, is_link: bool) -> None:
    """The refusal comes before anything else is looked at."""
    if is_link:
        file.symlink_to(file.with_name("elsewhere"))
    else:
        file.write_text("mine")
    code, _, err = init("octavia.contrllers=a,b")
    assert code == 2
    assert f"{file} is there already" in err
    assert "contrllers" not in err
    if is_link:
        assert not file.with_name("elsewhere").exists()
    else:
        assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "setting",
    [
        f"octavia.admin_connection=mysql+pymysql://r:{_SECRET}@db/",
        f"octavia.jobboard_backend_password={_SECRET}",
        f"conductor.http_token={_SECRET}",
        (
            "octavia.jobboard_zookeeper_ssl_options="
            f"use_ssl:True,keyfile_password:{_SECRET}"
        ),
    ],
)
def test_a_secret_in_an_argument_is_refused(
    setting: str, init: Init, file: Path
) -> None:
    """The message names the option for a file, and not the secret."""
    code, out, err = init(setting)
    assert code == 2
    assert setting.partition("=")[0] in err
    assert _SECRET not in out + err
    assert not file.exists()


@pytest.mark.parametrize("setting", ["octavia.x", "controllers=a", "=", "a.b.c=1"])
def test_a_setting_has_group_option_and_value(setting: str, init: Init) -> None:
    """Anything else is bad usage."""
    code, _, err = init(setting)
    assert code == 2
    assert "GROUP.OPTION=VALUE" in err


def test_a_line_break_is_refused(init: Init, file: Path) -> None:
    """It would be another option."""
    code, _, err = init("octavia.jobboard_backend_hosts=a\n[task_flow]")
    assert code == 2
    assert "[octavia] jobboard_backend_hosts" in err
    assert not file.exists()


def test_one_file_is_written(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two places are refused."""
    assert main(["--config-file", "a", "--config-file", str(file), "init"]) == 2
    assert "name one" in capsys.readouterr().err


def test_the_example_of_the_help(
    init: Init, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a call that writes a file, if the named one has the connection."""
    with contextlib.suppress(SystemExit):
        main(["init", "--help"])
    text = capsys.readouterr().out.replace("\\\n", " ")
    (example,) = re.findall(r"^ +amphv2-bootstrap init (--set.+)$", text, re.M)
    admin = file.with_name("admin-connection")
    admin.touch(0o600)
    admin.write_text("mysql+pymysql://root:adm1n@db1/\n")
    words = shlex.split(example.replace("/root/amphv2/admin-connection", str(admin)))
    code, _, err = init(*words[1::2])
    assert (code, err.count("WARNING")) == (0, 0), err
    assert _built(file).secrets.text("admin_password") == "adm1n"
