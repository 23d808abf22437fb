# SPDX-License-Identifier: Apache-2.0
"""The files that Octavia's services load, in order: a later file overrides.

These are oslo.config's rules. Without arguments, a service loads ``octavia.conf``,
``octavia-worker.conf``, then the folders ``octavia.conf.d`` and
``octavia-worker.conf.d``, each from the first of /etc/octavia and /etc that has it.
With ``--config-file`` it loads these folders first and that file last. With
``--config-dir`` it loads that folder instead of the default ones.

Debian's services have ``--config-file``; RDO's have octavia-dist.conf, octavia.conf and
two folders below /etc/octavia/conf.d.
"""

import contextlib
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.host.start_command import start_command
from amphv2_bootstrap.adapters.octavia import conf_file, program_runner
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of, is_command
from amphv2_bootstrap.adapters.octavia.programs.options import INSIDE, files_of
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.spec.model import HostSettings, in_container

FILE, FOLDER = "--config-file", "--config-dir"
FOLDERS = ("/etc/octavia", "/etc")
Arguments = tuple[tuple[str, str], ...]
# oslo.config takes the first as it takes "$$".
_DOLLAR = re.compile(r"\\\$")
_REFERENCE = re.compile(r"(?<!\$)(?:\$\$)*\$[A-Za-z_{]")
_WORKER = "octavia-worker"
_NAMES = ("octavia", _WORKER)


def sources(host: HostSettings, python: str | None) -> tuple[str, ...]:
    """The files and folders that octavia-worker loads; of a folder, ``*.conf`` by name.

    :param host: with several octavia.conf, only the first one is looked at.
    :param python: Octavia's Python here. Without one the result is only the file that
        we write, since the folders are elsewhere. In a container the others begin with
        :data:`.options.INSIDE`.
    :raises PermanentError: the container can't be asked.
    """
    if python is None:
        return (host.config_file,)
    if is_command(python):
        return tuple(_in_container(host, python))
    return load_order(host.config_file, arguments(host) or ())


def arguments(
    host: HostSettings,
    systemd: Systemd | None = None,
    init_scripts: Path = Path("/etc/init.d"),
) -> Arguments | None:
    """The pairs with which octavia-worker is started; None where that isn't known.

    They are those of the configuration, else those of this host's unit or init script.
    """
    if host.service_arguments:
        return host.service_arguments
    if host.restart_commands or len(host.config_files) > 1:
        return None  # these services aren't the host's own units
    words = start_command(_WORKER, host.services, systemd or Systemd(), init_scripts)
    return tuple(_pairs(words[1:])) if words else None


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    following = iter(words)
    for word in following:
        kind, has_value, path = word.partition("=")
        if kind in (FILE, FOLDER):
            yield kind, path if has_value else next(following, "")


def _in_container(host: HostSettings, python: str) -> Iterator[str]:
    own = in_container(host.config_file, host.host_paths)
    paths = [path for _, path in host.service_arguments]
    found = _files_there(python, [own, *paths, *_all_defaults()])
    order = load_order(
        own, host.service_arguments, exists=lambda path: path == own or path in found
    )
    for path in order:
        files = set(found.get(path, [path]))
        if own == path or is_within(own, path):
            files.add(own)
        yield from (
            host.config_file if file == own else INSIDE + file for file in sorted(files)
        )


def _files_there(python: str, paths: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Each of the paths that the container has, with the files if it is a folder."""
    answer = program_runner.ask(python, {"ask": "files", "paths": list(paths)})
    found: Mapping[str, Sequence[str]] = answer["files"]
    return found


def files(host: HostSettings) -> tuple[Path, ...]:
    """This host's own files of each octavia.conf, including those in folders."""
    python = interpreter_of(host)
    found = [
        (one.config_file,) if python and is_command(python) else sources(one, python)
        for one in host.of_each_file()
    ]
    return tuple(map(Path, dict.fromkeys(itertools.chain(*map(files_of, found)))))


def main_connection(files: Iterable[Path]) -> str:
    """``[database] connection``, the URL of Octavia's main database; empty if not set.

    It holds a password. Empty also if it refers to another option by ``$``.
    """
    options = written(files, "database").get("database", {})
    return plain(options.get("connection", ""))


def plain(text: str) -> str:
    """A value as it is meant; empty if it refers to another option by ``$``."""
    found = _DOLLAR.sub("$$", text)
    return "" if _REFERENCE.search(found) else found.replace("$$", "$")


def brokers(files: Iterable[Path]) -> tuple[tuple[str, int], ...]:
    """Host and port of each RabbitMQ server of ``transport_url``; empty if not set."""
    url = written(files, "DEFAULT").get("DEFAULT", {}).get("transport_url", "")
    kind, _, servers = url.partition("://")
    if kind not in ("rabbit", "kombu"):
        return ()
    each = [urlsplit(f"//{one}") for one in servers.split("/")[0].split(",")]
    return tuple((one.hostname, one.port or 5672) for one in each if one.hostname)


def written(files: Iterable[Path], *sections: str) -> dict[str, dict[str, str]]:
    """The options of these sections as the files have them; a later file overrides.

    Empty if no file can be read. One that can't be read or parsed is passed over: the
    code that loads it reports what is wrong with it.
    """
    found: dict[str, dict[str, str]] = {}
    for file in files:
        with contextlib.suppress(BootstrapError, ValueError):
            text = durable_file.read(str(file))
            for section in sections:
                options = conf_file.get_options(text, section)
                found.setdefault(section, {}).update(options)
    return found


def load_order(
    config_file: str,
    stated: Sequence[tuple[str, str]],
    folders: Sequence[str] = (),
    exists: Callable[[str], bool] = os.path.exists,
) -> tuple[str, ...]:
    """The sources that a service with the ``stated`` arguments loads.

    :param stated: pairs of :data:`FILE` or :data:`FOLDER` and a path. If empty, the
        service is assumed to have no arguments if it then finds ``config_file``, else
        ``--config-file`` with that file.
    :param folders: searched instead of :data:`FOLDERS`.
    :param exists: whether there is such a file or folder.
    """
    files = tuple(_defaults(folders or FOLDERS, ".conf", exists))
    defaults = tuple(_defaults(folders or FOLDERS, ".conf.d", exists))
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


def is_loaded(
    config_file: str,
    stated: Sequence[tuple[str, str]],
    exists: Callable[[str], bool] = os.path.exists,
) -> bool:
    """Whether a service with the ``stated`` arguments loads the file."""
    found = load_order(config_file, stated, exists=exists)
    return config_file in found or any(is_within(config_file, path) for path in found)


def is_within(file: str, folder: str) -> bool:
    """Whether a service that loads the folder loads this file."""
    return file.endswith(".conf") and str(Path(file).parent) == folder


def _defaults(
    folders: Sequence[str], suffix: str, exists: Callable[[str], bool]
) -> Iterator[str]:
    for name in _NAMES:
        places = (f"{folder}/{name}{suffix}" for folder in folders)
        yield from [place for place in places if exists(place)][:1]


def _all_defaults() -> Iterator[str]:
    for folder, name, suffix in itertools.product(
        FOLDERS, _NAMES, (".conf", ".conf.d")
    ):
        yield f"{folder}/{name}{suffix}"
