# SPDX-License-Identifier: Apache-2.0
"""``init`` on a terminal."""

import re
import stat
from pathlib import Path

from amphv2_bootstrap.conf.build import Loaded, build
from amphv2_bootstrap.conf.loading import load
from tests.conversation import END, converse

_ADMIN, _ENGINE, _REDIS = "adm1n@$/Sesame", "eng1ne:%Sesame", "red1s$$Sesame"
_OCTAVIAS = "0ctavia-Sesame"


def _octavia_conf(folder: Path, text: str = "") -> tuple[str, ...]:
    """Write octavia.conf; arguments that name it."""
    file = folder / "octavia.conf"
    file.write_text(f"[database]\n{text}\n")
    return ("--set", f"octavia.config_file={file}")


def _built(path: Path) -> Loaded:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return build(load(config_files=[str(path)]))


def test_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    """Passwords are typed as they are, and shown nowhere; the account is Octavia's."""
    url = f"mysql+pymysql://octavia:{_OCTAVIAS}@db1:3307/octavia"
    file = tmp_path / "new/amphv2.conf"
    code, shown = converse(
        (
            *("--config-file", str(file), "init"),
            *_octavia_conf(tmp_path, f"connection = {url}"),
        ),
        [
            ("This host's name", "c1"),
            ("All controllers", "c1, c2, c3"),
            ("accounts on db1:3307 [root]", ""),
            ("Its password", _ADMIN),
            ("there [amphv2]", ""),
            ("Its password", _ENGINE),
            ("[redis]", ""),
            ("Its hosts", "s1,s2,s3"),
            ("Sentinel", "mymaster"),
            ("Its password", _REDIS),
        ],
    )
    assert code == 0, shown
    loaded = _built(file)
    assert loaded.spec.controllers == ("c1", "c2", "c3")
    assert loaded.spec.key_value_servers[2] == ("s3", 26379)
    assert loaded.spec.persistence.place == "db1:3307"
    assert loaded.secrets.text("persistence_password") == _OCTAVIAS
    assert loaded.secrets.text("admin_password") == _ADMIN
    assert loaded.secrets.text("jobboard_backend_password") == _REDIS
    engine = loaded.engine.persistence_connection.reveal()
    assert engine == (
        "mysql+pymysql://amphv2:eng1ne%3A%25Sesame@db1:3307/amphv2_bootstrap"
    )
    secrets = (_ADMIN, _ENGINE, _REDIS, _OCTAVIAS)
    assert not [secret for secret in secrets if secret in shown]
    command = f"amphv2-bootstrap --config-file {file}"
    assert re.findall(r"^  (amphv2.*)$", shown, re.M) == [
        f"{command} {each}" for each in ("db upgrade", "plan", "post-job --wait")
    ]


def test_a_server_that_octavia_conf_does_not_name_is_asked_for(tmp_path: Path) -> None:
    """One controller with etcd is asked neither for Redis nor for another database."""
    file = tmp_path / "amphv2.conf"
    code, shown = converse(
        ("--config-file", str(file), "init", *_octavia_conf(tmp_path)),
        [
            ("This host's name", "c1"),
            ("All controllers, with commas between them [c1]", ""),
            ("Its HOST", "db9"),
            ("Octavia's account there [octavia]", ""),
            ("Its password", _OCTAVIAS),
            ("db9:3306 [root]", "admin"),
            ("Its password", _ADMIN),
            ("[redis]", "etcd"),
            ("Its hosts", "e1"),
        ],
    )
    assert code == 0, shown
    loaded = _built(file)
    assert loaded.spec.driver == "etcd"
    assert loaded.spec.persistence.host == "db9"
    assert loaded.persistence_from == ""
    assert loaded.host.admin.username == "admin"
    assert loaded.engine.persistence_connection.reveal().startswith("sqlite:")


def test_an_early_end_writes_nothing(tmp_path: Path) -> None:
    """Ctrl-D ends it with exit code 2."""
    file = tmp_path / "amphv2.conf"
    arguments = ("--config-file", str(file), "init", *_octavia_conf(tmp_path))
    code, shown = converse(arguments, [("This host's name", END)])
    assert (code, file.exists()) == (2, False)
    assert "ended before the last question" in shown
