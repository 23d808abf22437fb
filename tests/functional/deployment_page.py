# SPDX-License-Identifier: Apache-2.0
"""Pages of doc/source/deployment: their files and commands, tried on a host of a test.

The commands are typed as they stand; programs of the same names come first in PATH. In
the files, places and secrets are replaced by those of the test.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from amphv2_bootstrap.adapters.octavia import conf_file
from tests import DATA, REPOSITORY
from tests.functional.site import PASSWORD
from tests.servers.mariadb import MariaDB

OWN = "/etc/amphv2-bootstrap/amphv2-bootstrap.conf"
_BLOCK = re.compile(
    r"^\.\. code-block:: (?P<language>\w+)\n"
    r"(?:   :caption: (?P<caption>\S+)\n)?\n"
    r"(?P<text>(?:   .*\n|\n)+)",
    re.MULTILINE,
)
_CODES = {"amphv2-bootstrap plan": 4}
_PROGRAM = """\
#!/bin/sh
exec {python} -m amphv2_bootstrap.cmd.main --config-file {file} "$@"
"""


@dataclass
class Page:
    """A page, and the host on which it is tried.

    ``changes`` are texts of the page's files by what replaces them.
    """

    name: str
    folder: Path
    changes: dict[str, str]

    def file(self, caption: str, number: int = 0) -> str:
        """The ``number``-th file of that name, with the places of the test."""
        found = [
            block["text"] for block in self._blocks() if block["caption"] == caption
        ]
        text = re.sub("^   ", "", found[number], flags=re.MULTILINE)
        for old, new in self.changes.items():
            text = text.replace(old, new)
        return text

    def commands(self) -> list[str]:
        """What the page has its reader type, in order."""
        texts = [
            each["text"] for each in self._blocks() if each["language"] == "console"
        ]
        return [
            line.removeprefix("   # ")
            for text in texts
            for line in text.splitlines()
            if line.startswith("   # ")
        ]

    def configure(self, default: str, *, with_second: bool = False) -> None:
        """Write our configuration, and the program that reads it.

        :param default: a line for ``[DEFAULT]``.
        :param with_second: the options of the page's second one replace those of the
            first.
        """
        lines = self.file(OWN).splitlines()
        second = self.file(OWN, 1).splitlines() if with_second else []
        changed = {line.partition(" = ")[0] for line in second}
        lines = [line for line in lines if line.partition(" = ")[0] not in changed]
        own = self.folder / "amphv2-bootstrap.conf"
        own.write_text("\n".join([*lines, *second, "[DEFAULT]", default]))
        own.chmod(0o600)
        program = self.folder / "bin/amphv2-bootstrap"
        program.parent.mkdir(exist_ok=True)
        program.write_text(_PROGRAM.format(python=sys.executable, file=own))
        program.chmod(0o755)

    def type(self, command: str, code: int | None = None) -> str:
        """Type a command, which must end with ``code``; return what it prints.

        By default that is 0, or that of a ``plan`` before the first job.
        """
        wanted = _CODES.get(command, 0) if code is None else code
        done = subprocess.run(
            ["sh", "-c", command],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"},
        )
        assert done.returncode == wanted, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def _blocks(self) -> "list[re.Match[str]]":
        path = REPOSITORY / f"doc/source/deployment/{self.name}.rst"
        return list(_BLOCK.finditer(path.read_text()))


def octavia_conf(mariadb: MariaDB) -> bytes:
    """What the deployment tool writes: Octavia has its main database."""
    account = f"octavia:{quote(PASSWORD, safe='')}"
    url = f"mysql+pymysql://{account}@{mariadb.host}:{mariadb.port}/octavia"
    text = (DATA / "octavia.conf").read_bytes()
    return conf_file.set_options(text, "database", {"connection": url})


def places(mariadb: MariaDB) -> dict[str, str]:
    """What each page's names of the database and its accounts stand for."""
    mariadb.execute("CREATE DATABASE IF NOT EXISTS amphv2_bootstrap")
    password = quote(mariadb.root_password, safe="")
    return {
        "controller1, controller2, controller3": "controller1",
        "amphv2:AMPHV2_DBPASS@": f"root:{password}@",
        "root:DATABASE_PASSWORD@": f"root:{password}@",
        "@VIP/": f"@{mariadb.host}:{mariadb.port}/",
        "jobboard_expiration_time = 100": "jobboard_expiration_time = 5",
    }
