# SPDX-License-Identifier: Apache-2.0
"""A folder that the processes of one drill share; removes those of killed drills."""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "amphv2-drill-"


@contextlib.contextmanager
def drill_folder() -> Iterator[Path]:
    """A private folder that exists within the block; removes dead drills' folders.

    It stays locked while any process that was forked within the block is alive.
    """
    remove_dead()
    descriptor, path = _locked()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def remove_dead() -> None:
    """Remove this user's folders of drills that have no process left."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            descriptor = _open(path)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path)
            finally:
                os.close(descriptor)


def _locked() -> tuple[int, Path]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))  # 0700
        with contextlib.suppress(FileNotFoundError):
            descriptor = _open(path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return descriptor, path
            os.close(descriptor)  # removed as a dead drill's before it was locked


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
