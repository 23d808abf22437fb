# SPDX-License-Identifier: Apache-2.0
"""A ``docker`` with a container in which this host's files can't be seen."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from amphv2_bootstrap.adapters.octavia import programs
from tests.servers.process import unavailable

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
# What runs inside is no part of this client: no signal to it arrives there.
pipe={folder}/stdin-$$
mkfifo "$pipe"
exec 3<&0
cat <&3 > "$pipe" &
setsid unshare --mount sh -c 'for hidden in {hidden}; do
    mount -t tmpfs none "$hidden" || exit 126
done; {own} PATH={path}:$PATH exec "$@"' sh "$@" < "$pipe" 3<&-
code=$?
kill $!
rm "$pipe"
exit $code
"""


def install(
    folder: Path,
    hidden: Sequence[Path],
    python: str,
    own: Mapping[Path, Path] | None = None,
) -> Path:
    """Write ``docker`` into ``folder``; its container has ``python3``, but no files.

    The test is skipped where mounts are refused.

    :param hidden: folders that the container doesn't have; nor has it our programs.
    :param own: folders that the container has elsewhere, by the path there.
    """
    _need_mounts()
    image = folder / "image"
    image.mkdir()
    (image / "python3").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    (image / "python3").chmod(0o755)
    docker = folder / "docker"
    places = " ".join(map(str, (*hidden, Path(programs.__file__).parent)))
    mounts = "".join(
        f"mkdir -p {there} && mount --bind {here} {there} || exit 126; "
        for there, here in (own or {}).items()
    )
    text = _DOCKER.format(folder=folder, hidden=places, path=image, own=mounts)
    docker.write_text(text)
    docker.chmod(0o755)
    return docker


def _need_mounts() -> None:
    argv = ("unshare", "--mount", "true")
    if shutil.which("unshare") is None or os.geteuid():
        unavailable("only root may mount")
    if subprocess.run(argv, check=False, capture_output=True).returncode:
        unavailable("mounts are refused here")


def own_python() -> str:
    """A Python without Octavia."""
    return sys.executable
