# SPDX-License-Identifier: Apache-2.0
"""Files that a rename can't replace: mounts, hard links, and what chattr protects."""

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


@contextlib.contextmanager
def _with_attribute(letter: str, path: Path) -> Iterator[None]:
    """Within the block, the kernel lets nobody change it."""
    argv = ["chattr", f"+{letter}", str(path)]
    if subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("this user or file system has no such attributes")
    try:
        yield
    finally:
        subprocess.run(["chattr", f"-{letter}", str(path)], check=True)


def immutable(path: Path) -> AbstractContextManager[None]:
    return _with_attribute("i", path)


def immutable_folder(path: Path) -> AbstractContextManager[None]:
    return _with_attribute("i", path.parent)


def append_only(path: Path) -> AbstractContextManager[None]:
    return _with_attribute("a", path)


WAYS: dict[str, tuple[Callable[[Path], AbstractContextManager[None]], str]] = {
    "mounted": (mounted, "a mount of its own.*Mount its folder"),
    "hard-linked": (hard_linked, r"2 names \(hard links\).*cp -p"),
}
"""How to make such a file, and what the error says."""
KEPT = {
    "immutable": (immutable, "chattr -ia"),
    "append-only": (append_only, "chattr -ia"),
}
"""The same for files that can't be written in place either."""
