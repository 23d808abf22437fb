# SPDX-License-Identifier: Apache-2.0
"""Keeps new requests away from Octavia's workers while one of them stops.

:mod:`programs.holding` says why that is needed, and how it is done.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from amphv2_bootstrap.adapters.host import addresses
from amphv2_bootstrap.adapters.octavia import config_sources, program_runner
from amphv2_bootstrap.adapters.octavia.interpreter import is_command
from amphv2_bootstrap.adapters.octavia.programs.options import files_of
from amphv2_bootstrap.errors import BootstrapError, CancelledError
from amphv2_bootstrap.spec.masking import Masker

OPEN_SECONDS = 30.0
"""For the start of the program and its connection to RabbitMQ."""
MOST_SECONDS = 900.0
_CONNECT_SECONDS = 3.0


class _Hold:
    """The program, in a thread, since the kernel kills it with the thread."""

    def __init__(self, python: str, sources: Sequence[str], masker: Masker) -> None:
        self.why = f"RabbitMQ did not answer within {OPEN_SECONDS:g} s"
        self._what = (python, "holding", sources)
        self._masker = masker
        self._settled, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def begin(self) -> None:
        self._thread.start()
        self._settled.wait(OPEN_SECONDS)

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            result = program_runner.run(
                *self._what,
                timeout=MOST_SECONDS,
                masker=self._masker,
                cancelled=self._over,
                progress=self._holds,
            )
            self.why = result.chain[-1].text if result.chain else ""
        except CancelledError:
            pass
        except BootstrapError as exc:
            self.why = exc.why
        finally:
            self._settled.set()

    def _holds(self, _text: str) -> None:
        self.why = ""
        self._settled.set()


@contextlib.contextmanager
def held_requests(
    python: str, sources: Sequence[str], *, masker: Masker
) -> Iterator[str]:
    """The workers get no new request within the block; all that came after it.

    Gives the reason, a clause, why they get them nevertheless; empty if they don't, or
    if there are none: no server of RabbitMQ answers, or it has no queue of Octavia's.

    :param sources: see :func:`.program_runner.run`.
    """
    servers = config_sources.brokers(map(Path, files_of(sources)))
    # The library would wait for a server for ever, and takes seconds to import. A
    # container may have files, and know names, that this host doesn't.
    if not is_command(python) and not any(
        addresses.accepts(*server, timeout=_CONNECT_SECONDS) for server in servers
    ):
        yield ""
        return
    hold = _Hold(python, sources, masker)
    hold.begin()
    try:
        yield hold.why
    finally:
        hold.end()
