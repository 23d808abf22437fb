# SPDX-License-Identifier: Apache-2.0
"""The paths and commands of this host."""

import itertools
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from amphv2_bootstrap.adapters.octavia import config_sources
from amphv2_bootstrap.adapters.octavia.config_sources import (
    FILE,
    FOLDER,
    is_loaded,
    load_order,
)
from amphv2_bootstrap.adapters.octavia.interpreter import find_python, is_command
from amphv2_bootstrap.adapters.octavia.programs.options import files_of
from amphv2_bootstrap.conf.problems import OptionProblems, Problems
from amphv2_bootstrap.conf.reading import Values
from amphv2_bootstrap.conf.tls import check_file, check_folder
from amphv2_bootstrap.conf.urls import NOWHERE
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings, in_container

GROUP = "octavia"

_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]+")


class Acting:
    """The options of ``[octavia]`` for this host's own paths and commands."""

    def __init__(
        self, values: Values, default: Values, problems: Problems, *, is_here: bool
    ) -> None:
        self._values = values
        self._problems = problems
        self._is_here = is_here
        self._state_path: str = default["state_path"]
        self._db_manage = self._split("db_manage_command", values["db_manage_command"])
        self._arguments = tuple(self._pairs(values["service_arguments"]))
        self._restarts, self._before, self._after = (
            tuple(self._split(option, command) for command in values[option])
            for option in ("restart_commands", "before_restart", "after_restart")
        )
        ready = values["ready_command"]
        self._ready = self._split("ready_command", ready) if ready else ()

    @property
    def octavia_files(self) -> tuple[Path, ...]:
        """The files of this host that Octavia loads with the first config_file."""
        host = self.settings("", NOWHERE, find_python, {}).of_each_file()[0]
        if self.container_python:
            return (Path(host.config_file),)
        stated = config_sources.arguments(host) or ()
        return tuple(map(Path, files_of(load_order(host.config_file, stated))))

    def check(self) -> None:
        """Collect what is wrong with paths, units and the interpreter."""
        place = self._problems.of("DEFAULT", "state_path")
        check_file(place, self._state_path, here=False)
        check_folder(place, Path(self._state_path))
        self._check_config_files()
        self._check_arguments()
        for unit in self._services:
            if not _UNIT.fullmatch(unit):
                self._of("services").add(
                    "has an entry that isn't the name of a systemd unit",
                    "Write names such as octavia-worker with commas between them",
                )
        self._check_python()
        for path in itertools.chain(*self._values["host_paths"].items()):
            check_file(self._of("host_paths"), path, here=False)

    def settings(
        self,
        name: str,
        admin: DatabaseUrl,
        find_python: Callable[[Sequence[str]], str | None],
        host_paths: Mapping[str, str],
    ) -> HostSettings:
        """The settings; only after a check that found nothing."""
        return HostSettings(
            name=name,
            state_path=self._state_path,
            config_files=tuple(self._values["config_file"]),
            admin=admin,
            db_manage_command=self._db_manage,
            db_manage_timeout=self._values["db_manage_timeout"],
            octavia_python=self._values["python"] or find_python(self._db_manage),
            service_arguments=self._arguments,
            install_client_library=self._values["install_client_library"],
            services=self._services,
            restart_commands=self._restarts,
            ready_command=self._ready,
            before_restart=self._before,
            after_restart=self._after,
            host_paths=host_paths,
            idle_timeout=self._values["idle_timeout"],
            when_busy=self._values["when_busy"],
            stuck_minutes=self._values["stuck_minutes"],
        )

    def _of(self, option: str) -> OptionProblems:
        return self._problems.of(GROUP, option)

    @property
    def _services(self) -> tuple[str, ...]:
        return tuple(unit.strip() for unit in self._values["services"])

    def _split(self, option: str, command: str) -> tuple[str, ...]:
        try:
            words = tuple(shlex.split(command))
        except ValueError:
            self._of(option).add(
                "has an unpaired quotation mark, or a backslash at the end",
                "Complete or remove it; oslo.config removes a pair of quotes around "
                "the whole value",
            )
            return ()
        if not words:
            self._of(option).add("is an empty command", "Write the program to call")
        return words

    def _pairs(self, arguments: str) -> Iterator[tuple[str, str]]:
        """Each argument with its path, which is empty if it has none."""
        option = "service_arguments"
        words = iter(self._split(option, arguments) if arguments.strip() else ())
        for word in words:
            kind, has_value, path = word.partition("=")
            has_path = kind in (FILE, FOLDER)
            yield kind, path if has_value or not has_path else next(words, "")

    def _check_config_files(self) -> None:
        problems = self._of("config_file")
        found: set[str] = set()
        for file in self._values["config_file"]:
            if _names_several(file):
                problems.add(
                    f"is {file}, which isn't the path of one file",
                    "Repeat the option: one line 'config_file = PATH' for each file",
                )
            elif check_file(problems, file, here=self._is_here):
                if os.path.realpath(file) in found:
                    problems.add(f"names {file} twice", "Name each file once")
                found.add(os.path.realpath(file))

    def _check_arguments(self) -> None:
        problems = self._of("service_arguments")
        paths = [path for kind, path in self._arguments if kind in (FILE, FOLDER)]
        for kind, path in self._arguments:
            if kind in (FILE, FOLDER):
                check_file(problems, path, here=False)
            else:
                problems.add(
                    f"has {kind}, which names no configuration",
                    f"Write only {FILE} PATH and {FOLDER} PATH",
                )
        complete = len(paths) == len(self._arguments) and all(map(os.path.isabs, paths))
        if paths and complete:
            self._check_loaded(problems)

    def _check_loaded(self, problems: OptionProblems) -> None:
        """The services must load each config_file, in containers as it is there."""
        files: list[str] = self._values["config_file"]
        if self.container_python:
            paths = self._values["host_paths"]
            files = list(dict.fromkeys(in_container(file, paths) for file in files))
        elif len(files) > 1:
            problems.add(
                "is set, but config_file names several files, each of one service",
                "Remove it: each of these services is taken to load its own file",
            )
            return
        exists = files.__contains__ if self.container_python else os.path.exists
        for file in files:
            if not is_loaded(file, self._arguments, exists):
                what = f"doesn't make Octavia load config_file, {file}"
                todo = "Correct one of the two: Octavia must read the written file"
                problems.add(what, todo)

    @property
    def container_python(self) -> str | None:
        """The command that starts Octavia's Python in a container, if it is in one."""
        python = self._values["python"] or find_python(self._db_manage)
        return python if python and is_command(python) else None

    def _check_python(self) -> None:
        python, problems = self._values["python"], self._of("python")
        if not python:
            return
        if is_command(python):
            self._check_command(python)
            return
        check_file(problems, python, here=self._is_here)
        path = Path(python)
        if self._is_here and path.is_file() and not os.access(path, os.X_OK):
            what = f"is {python}, which is no program"
            problems.add(what, "Name Octavia's Python interpreter")

    def _check_command(self, python: str) -> None:
        words = self._split("python", python)
        if words and self._is_here and shutil.which(words[0]) is None:
            what = f"begins with {words[0]}, which isn't there or can't be run"
            self._of("python").add(what, "Correct the command, or install the program")


def _names_several(file: str) -> bool:
    """Whether it is a list with commas, or a pattern, and no file has that name."""
    several = any(character in file for character in ",*?[")
    return several and not Path(file).exists()
