# SPDX-License-Identifier: Apache-2.0
"""The files that Octavia's services load, in their order: the later wins.

oslo.config's rules. Without arguments a service loads ``octavia.conf``, then
``octavia-worker.conf``, then the folders ``octavia.conf.d`` and
``octavia-worker.conf.d``, which so win; each from the first of /etc/octavia and /etc
that has it. With ``--config-file`` it loads those folders first, and the file wins.
With ``--config-dir`` that folder takes the place of the default ones.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.adapters.octavia.programs.options import files_of
from amphv2_bootstrap.spec.model import HostSettings

FILE, FOLDER = "--config-file", "--config-dir"
FOLDERS = ("/etc/octavia", "/etc")
_NAMES = ("octavia", "octavia-worker")


def sources(host: HostSettings, python: str | None) -> tuple[str, ...]:
    """Files, and folders whose ``*.conf`` are loaded by name, as octavia-worker has it.

    :param python: Octavia's interpreter here. Without one (containers) only the
        file that is written counts: the folders are elsewhere.
    """
    if python is None:
        return (host.config_file,)
    return load_order(host.config_file, host.service_arguments)


def files(host: HostSettings) -> tuple[Path, ...]:
    """The files of :func:`sources` for this host, those within the folders too."""
    return tuple(map(Path, files_of(sources(host, interpreter_of(host)))))


def load_order(
    config_file: str,
    stated: Sequence[tuple[str, str]],
    folders: Sequence[str] = (),
) -> tuple[str, ...]:
    """What a service loads that is started with the ``stated`` arguments.

    :param stated: pairs of :data:`FILE` or :data:`FOLDER` and a path. Where there
        are none, it is started without arguments if it then finds ``config_file``,
        otherwise with that one.
    :param folders: to be searched in place of :data:`FOLDERS`.
    """
    files = tuple(_defaults(folders or FOLDERS, ".conf"))
    defaults = tuple(_defaults(folders or FOLDERS, ".conf.d"))
    if not stated:
        if config_file in files:
            return files + defaults
        stated = ((FILE, config_file),)
    kinds = {kind for kind, _ in stated}
    return (
        *(() if FILE in kinds else files),
        *(() if FOLDER in kinds else defaults),
        *(path for _, path in stated),
    )


def is_loaded(config_file: str, stated: Sequence[tuple[str, str]]) -> bool:
    """Whether that service reads the file."""
    found, file = load_order(config_file, stated), Path(config_file)
    within = file.suffix == ".conf" and str(file.parent) in found
    return within or config_file in found


def _defaults(folders: Sequence[str], suffix: str) -> Iterator[str]:
    for name in _NAMES:
        places = (f"{folder}/{name}{suffix}" for folder in folders)
        yield from [place for place in places if Path(place).exists()][:1]
