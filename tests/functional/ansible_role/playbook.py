# SPDX-License-Identifier: Apache-2.0
"""ansible-playbook in a folder with the inventory ``hosts.json`` and with wheels."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests import REPOSITORY

PLAYBOOK = str(REPOSITORY / "ansible/site.yml")
_VAULT_PASSWORD = "the vault's password"
_RECAP = re.compile(
    r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)", re.M
)


def play(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run the playbook, which ends with ``code``; return its output."""
    done = _run(folder, "ansible-playbook", "-i", "hosts.json", PLAYBOOK, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def write_vault(folder: Path, group: str, secrets: Mapping[str, str]) -> None:
    """Write the encrypted variables of a group."""
    (folder / "vault-password").write_text(_VAULT_PASSWORD)
    vault = folder / f"group_vars/{group}.json"
    vault.parent.mkdir()
    vault.write_text(json.dumps(secrets))
    done = _run(folder, "ansible-vault", "encrypt", str(vault))
    assert done.returncode == 0, done.stderr


def changes(output: str) -> dict[str, int]:
    """How many tasks have changed something, by host; none has failed."""
    found = _RECAP.findall(output)
    assert all(failed == "0" for _host, _changed, failed in found), output
    return {host: int(changed) for host, changed, _failed in found}


def _run(
    folder: Path, program: str, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        stdin=subprocess.DEVNULL,
        env={
            **os.environ,
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_ROLES_PATH": str(REPOSITORY / "ansible/roles"),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(folder / "vault-password"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "LC_ALL": "C.UTF-8",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(folder),
            # The libraries are there already; to resolve them takes long.
            "PIP_NO_DEPS": "1",
        },
    )
