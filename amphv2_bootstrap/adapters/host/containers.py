# SPDX-License-Identifier: Apache-2.0
"""Containers of this host that a command restarts: whether they stay up."""

import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.host.processes import Look, forks, why_unsteady
from amphv2_bootstrap.errors import PermanentError, TransientError

_TOOLS = ("docker", "podman", "nerdctl")
_WITH_VALUE = ("-t", "--time", "--timeout", "-s", "--signal")
_TIME = ("-t", "--time", "--timeout")
_DEFAULT_STOP_SECONDS = 10.0
_QUERY_TIMEOUT = 30.0
_START_TIMEOUT = 30.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Container:
    """A container by name; ``tool`` is the command with which it is asked for.

    ``given_stop_seconds`` are those of the restart command.
    """

    tool: tuple[str, ...]
    name: str
    given_stop_seconds: float | None = None

    def check_steady(self, seconds: float, cancelled: threading.Event) -> None:
        """Wait until it runs, and for ``seconds`` more.

        :raises PermanentError: it doesn't run, or it ends and is started again.
        :raises TransientError: the tool doesn't answer.
        """
        deadline = time.monotonic() + _START_TIMEOUT
        while (seen := self._look()).trouble and time.monotonic() < deadline:
            if cancelled.wait(_POLL_SECONDS):
                break
        why = seen.trouble or why_unsteady(self._look, seconds, cancelled)
        if why:
            raise PermanentError(
                "restart Octavia's services",
                on=self.name,
                why=f"the container does not stay up: {why}",
                todo=f"Look at '{self.tool[-1]} logs {self.name}'.",
            )

    def stop_seconds(self) -> float:
        """How long a restart waits for the end of its processes before it kills them.

        :raises TransientError: the tool doesn't answer.
        """
        if self.given_stop_seconds is not None:
            return self.given_stop_seconds
        config = self._inspect().get("Config") or {}
        found = config.get("StopTimeout")
        return _DEFAULT_STOP_SECONDS if found is None else float(found)

    def _look(self) -> Look:
        found = self._inspect()
        state = found.get("State") or {}
        pid = int(state.get("Pid") or 0)
        if not state.get("Running") or not pid:
            return Look((), trouble=f"it is {state.get('Status') or 'not running'}")
        start = (pid, state.get("StartedAt"), found.get("RestartCount"))
        return Look(start, forks(pid))

    def _inspect(self) -> Mapping[str, Any]:
        argv = (*self.tool, "container", "inspect", self.name)
        done = commands.run(argv, timeout=_QUERY_TIMEOUT)
        try:
            found = json.loads(done.stdout)[0]
        except (ValueError, LookupError) as exc:
            raise TransientError(
                "ask for the state of a container",
                on=self.name,
                why=done.output[-300:] if done.returncode else "an unknown answer",
                todo=f"Run '{self.tool[-1]} container inspect {self.name}' by hand.",
            ) from exc
        return found if isinstance(found, dict) else {}


def restarted_by(command: Sequence[str]) -> tuple[Container, ...]:
    """The containers that a command restarts; empty where that can't be seen."""
    names = [Path(word).name for word in command]
    place = next((n for n, name in enumerate(names) if name in _TOOLS), None)
    if place is None or "restart" not in command[place:]:
        return ()
    verb = command.index("restart", place)
    between = [word for word in command[place + 1 : verb] if word != "container"]
    if not all(word.startswith("-") for word in between):
        return ()  # another subcommand, or an option with a value
    tool = tuple(word for word in command[:verb] if word != "container")
    stop = _stop_seconds(command[verb + 1 :])
    return tuple(Container(tool, name, stop) for name in _names(command[verb + 1 :]))


def _names(words: Sequence[str]) -> Iterator[str]:
    former = ""
    for word in words:
        if not word.startswith("-") and former not in _WITH_VALUE:
            yield word
        former = word


def _stop_seconds(words: Sequence[str]) -> float | None:
    """The value of the option for the time; None without one."""
    split = [part for word in words for part in word.split("=", 1)]
    for option, value in itertools.pairwise(split):
        if option in _TIME and value.lstrip("-").isdecimal():
            return float("inf") if value.startswith("-") else float(value)
    return None
