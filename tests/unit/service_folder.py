# SPDX-License-Identifier: Apache-2.0
"""A folder of a service's user, who lays links there, and the victim they lead to."""

import contextlib
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from amphv2_bootstrap.errors import BootstrapError

SERVICE = 4711
SECRET = b"root:secret\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users")


@dataclass(frozen=True)
class ServiceFolder:
    """``path`` is the service's; ``victim`` and ``victims``, a folder, are root's."""

    path: Path
    victim: Path
    victims: Path

    def assert_harmless(self) -> None:
        """Assert that the victims have the content, owners and modes that they had."""
        assert self.victim.read_bytes() == SECRET
        assert list(self.victims.iterdir()) == []
        for path, mode in ((self.victim, 0o600), (self.victims, 0o700)):
            found = path.stat()
            assert (found.st_uid, found.st_gid) == (0, 0)
            assert stat.S_IMODE(found.st_mode) == mode
            assert found.st_nlink == (2 if path is self.victims else 1)

    def assert_unread(self) -> None:
        """Assert that no file of the service's folder holds the victim's content."""
        for path in self.path.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert SECRET not in path.read_bytes()

    @contextlib.contextmanager
    def racing(self, name: str, content: bytes) -> Iterator[None]:
        """Meanwhile the service's user swaps a file for a link to the victim."""
        pid = os.fork()
        if not pid:
            _race(self, name, content)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def survives(self, attempt: Callable[[], object], name: str, times: int) -> None:
        """Repeat the attempt while :meth:`racing`; it may fail, but must not harm."""
        with self.racing(name, b"[own]\n"):
            for _ in range(times):
                with contextlib.suppress(BootstrapError):
                    attempt()
        self.assert_harmless()
        self.assert_unread()


def _race(folder: ServiceFolder, name: str, content: bytes) -> None:
    try:
        os.chdir(folder.path)
        os.setgroups([])
        os.setgid(SERVICE)
        os.setuid(SERVICE)
        while True:
            with contextlib.suppress(OSError):
                Path("own").write_bytes(content)
                Path("own").rename(name)
                Path("link").symlink_to(folder.victim)
                Path("link").rename(name)
    finally:
        os._exit(1)


@contextlib.contextmanager
def service_folder() -> Iterator[ServiceFolder]:
    """Below a folder that every user may enter, unlike pytest's own."""
    above = Path(tempfile.mkdtemp(prefix="amphv2-service-"))
    try:
        above.chmod(0o755)
        made = ServiceFolder(above / "service", above / "shadow", above / "root")
        made.victim.write_bytes(SECRET)
        made.victim.chmod(0o600)
        made.victims.mkdir(0o700)
        made.path.mkdir()
        os.chown(made.path, SERVICE, SERVICE)
        yield made
    finally:
        shutil.rmtree(above)


def open_to_all(folder: Path) -> None:
    """Let every user enter the test's folder, and pytest's own above it."""
    top = Path(tempfile.gettempdir())
    if top not in folder.parents:
        pytest.skip("other users may not enter the folders above")
    while folder != top:
        folder.chmod(0o755)
        folder = folder.parent
