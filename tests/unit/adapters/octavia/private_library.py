# SPDX-License-Identifier: Apache-2.0
"""A Python that every user may run, with a library that only some can read."""

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.errors import PermanentError

USER = "nobody"

only_as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user"
)


class OneUser(Systemd):
    """Octavia's services are there, and run as :data:`USER`."""

    def available(self) -> bool:
        return True

    def in_use(self, units: Sequence[str]) -> tuple[str, ...]:
        return tuple(units)

    def users_of(self, units: Sequence[str]) -> set[str]:
        return {USER}


def python_with_library(folder: Path, mode: int) -> str:
    """A Python with taskflow's board of Redis, in a folder with that mode.

    Skips the test where there is no Python that :data:`USER` may run.

    :param folder: one that every user can read.
    """
    python, base = folder / "bin" / "python3", _public_python()
    ask = "import sys; print('python%d.%d' % sys.version_info[:2])"
    version = commands.run((base, "-c", ask), timeout=60).stdout.strip()
    library = folder / "lib" / version / "site-packages" / "taskflow"
    module = library / "jobs" / "backends" / "impl_redis.py"
    module.parent.mkdir(parents=True)
    module.touch()
    metadata = library.parent / "taskflow-6.5.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: taskflow\nVersion: 6.5.0\n")
    python.parent.mkdir()
    python.symlink_to(base)
    (folder / "pyvenv.cfg").write_text(f"home = {python.resolve().parent}\n")
    library.chmod(mode)
    return str(python)


def _public_python() -> str:
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        with contextlib.suppress(PermanentError):
            commands.run((python, "--version"), timeout=60, user=USER)
            return python
    return pytest.skip(f"{USER} may run no Python here")
