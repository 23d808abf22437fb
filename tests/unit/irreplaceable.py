# SPDX-License-Identifier: Apache-2.0
"""Files that a rename can't replace: a mount of its own, and one with two names."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(path: Path) -> Iterator[None]:
    """Within the block, the file is a bind mount, as with ``docker -v FILE:FILE``."""
    real = path.with_name("mounted")
    real.write_bytes(path.read_bytes())
    with _bound(real, path):
        yield


def mounted_folder(path: Path) -> AbstractContextManager[None]:
    """Within the block, the folder is a bind mount of itself."""
    return _bound(path, path)


@contextlib.contextmanager
def _bound(source: Path, target: Path) -> Iterator[None]:
    argv = ["mount", "--bind", str(source), str(target)]
    if subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("this user can't mount")
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)


@contextlib.contextmanager
def hard_linked(path: Path) -> Iterator[None]:
    """Within the block, the file has a second name."""
    other = path.with_name("other")
    os.link(path, other)
    yield
    other.unlink()


WAYS: dict[str, tuple[Callable[[Path], AbstractContextManager[None]], str]] = {
    "mounted": (mounted, "a mount of its own.*Mount its folder"),
    "hard-linked": (hard_linked, r"2 names \(hard links\).*cp -p"),
}
"""How to make such a file, and what the error says."""
