# SPDX-License-Identifier: Apache-2.0
"""What an independent observer saw of the controllers."""

import itertools
import json
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.functional.rollout.traffic import Request
from tests.servers.process import Server, wait_until

_PROGRAM = Path(__file__).with_name("observer.py")


class Watch:
    """The program ``observer.py`` and its notes.

    :param folder: of the plan and the notes.
    :param python: Octavia's, which can talk to the broker.
    """

    def __init__(self, folder: Path, python: Path) -> None:
        self.plan = folder / "plan.json"
        self._program = (str(python), str(_PROGRAM), str(self.plan))
        self._notes = folder / "out.jsonl"
        self._began = 0
        self._observer = Server(
            [*self._program, "note", str(self._notes)],
            log=folder / "observer.log",
            ready=self._notes.exists,
        )

    def ready_command(self, host: str) -> str:
        """The command that ends with 0 if the host is in."""
        return shlex.join((*self._program, "ready", host))

    def start(self) -> None:
        """Return when all hosts are in; what is out from then on counts."""
        self._observer.start()
        self.wait_until_in()
        self._began = len(self._all()) - 1

    def kill(self) -> None:
        self._observer.kill()

    def forget(self) -> None:
        """Delete Octavia's queues."""
        argv = (*self._program, "forget", "octavia_provisioning_v2")
        subprocess.run(argv, check=True, timeout=60, stdin=subprocess.DEVNULL)

    def wait_until_in(self) -> None:
        """Return when no host is out."""
        wait_until(
            lambda: not self._all()[-1]["out"],
            what="no controller is out",
            timeout=600,
            state=self._all,
        )

    def notes(self) -> list[dict[str, Any]]:
        """The controllers that were out, from when on, and why."""
        return self._all()[self._began :]

    def most_out(self, besides: Iterable[str] = ()) -> int:
        """The most controllers that were out at once.

        :param besides: hosts that don't count.
        """
        return max(len(note["out"].keys() - set(besides)) for note in self.notes())

    def meanwhile(self, requests: Sequence[Request]) -> list[Request]:
        """The requests that began while a controller was out."""
        notes = self.notes()
        spans = [
            (note["at"], after["at"])
            for note, after in itertools.pairwise(notes)
            if note["out"]
        ]
        return [
            one
            for one in requests
            if any(begin <= one.at < end for begin, end in spans)
        ]

    def _all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._notes.read_text().splitlines()]
