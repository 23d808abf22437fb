# SPDX-License-Identifier: Apache-2.0
"""``init``, then what it says to type next, on a cloud without a configuration."""

import shutil
import subprocess
import sys
from collections.abc import Sequence

from tests.conversation import converse
from tests.functional.site import PASSWORD, MakeSite, Site
from tests.help_examples import examples


def _settings(site: Site) -> dict[str, str]:
    """What this machine has elsewhere than a controller."""
    home = site.folder / "ctl1"
    return {
        "DEFAULT.host": "ctl1",
        "DEFAULT.state_path": str(home / "state"),
        "octavia.config_file": str(site.octavia_conf("ctl1")),
        "octavia.db_manage_command": f"{home}/db-manage db-manage",
        "octavia.python": site.configuration("ctl1")["octavia"]["python"],
        "octavia.services": "",
        "octavia.restart_commands": f"{home}/restart-ctl1 restart-ctl1",
        "octavia.jobboard_backend_port": str(site.key_value.port),
    }


def _type(own: Sequence[str], *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "amphv2_bootstrap.cmd.main", *own, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_a_cloud_is_bootstrapped_by_what_init_writes(make_site: MakeSite) -> None:
    """From octavia.conf and a few answers; then the examples of each help succeed."""
    site = make_site(hosts=("ctl1",))
    site.use_octavias_own_account("ctl1")
    file = site.folder / "ctl1/own/amphv2-bootstrap.conf"
    own = ("--config-file", str(file))
    words = [f"--set={name}={value}" for name, value in _settings(site).items()]
    root, redis = site.mariadb.root_password, site.key_value.password or ""
    code, shown = converse(
        (*own, "init", *words),
        [
            ("All controllers", ""),
            (f"accounts on {site.mariadb.host}:{site.mariadb.port} [root]", ""),
            ("Its password", root),
            ("[redis]", ""),
            ("Its hosts", "127.0.0.1"),
            ("Its password", redis),
        ],
    )
    assert code == 0, shown
    assert not [secret for secret in (root, redis, PASSWORD) if secret in shown]
    # The conductor, too, gets what init wrote.
    shutil.copy(file, site.folder / "ctl1/amphv2-bootstrap.conf")
    site.start_conductor("ctl1")
    for command, wanted in (("plan", 4), ("run", 0), ("verify", 0)):
        for example in examples(_type((), command, "--help")):
            _type(own, *example, code=wanted)
    _type(own, "plan")
    assert "jobboard_enabled = True" in site.octavia_conf("ctl1").read_text()
    again = converse((*own, "init", *words), ())
    assert again[0] == 2
    assert "is there already" in again[1]
