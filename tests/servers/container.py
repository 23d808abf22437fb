# SPDX-License-Identifier: Apache-2.0
"""A ``docker`` with a container in which this host's files can't be seen."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.octavia import programs

# Hides the folders below a mount of its own. "exec" may be followed by options.
_DOCKER = """\
#!/bin/sh
[ "$1" = exec ] || exit 125
shift
keep=
while :; do case "$1" in
    -i) keep=yes; shift ;;
    --user) shift 2 ;;
    *) break ;;
esac; done
[ "$1" = octavia_worker ] || {{ echo "No such container: $1" >&2; exit 1; }}
shift
[ -n "$keep" ] || exec < /dev/null
echo "$*" >> {folder}/calls
exec unshare --mount sh -c 'for hidden in {hidden}; do
    mount -t tmpfs none "$hidden" || exit 126
done; PATH={path}:$PATH exec "$@"' sh "$@"
"""


def install(folder: Path, hidden: Sequence[Path], python: str) -> Path:
    """Write ``docker`` into ``folder``; its container has ``python3``, but no files.

    The test is skipped where mounts are refused.

    :param hidden: folders that the container doesn't have; nor has it our programs.
    """
    _skip_without_mounts()
    image = folder / "image"
    image.mkdir()
    (image / "python3").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    (image / "python3").chmod(0o755)
    docker = folder / "docker"
    places = " ".join(map(str, (*hidden, Path(programs.__file__).parent)))
    docker.write_text(_DOCKER.format(folder=folder, hidden=places, path=image))
    docker.chmod(0o755)
    return docker


def _skip_without_mounts() -> None:
    argv = ("unshare", "--mount", "true")
    if shutil.which("unshare") is None or os.geteuid():
        pytest.skip("only root may mount")
    if subprocess.run(argv, check=False, capture_output=True).returncode:
        pytest.skip("mounts are refused here")


def own_python() -> str:
    """A Python without Octavia."""
    return sys.executable
