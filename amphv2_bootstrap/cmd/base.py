# SPDX-License-Identifier: Apache-2.0
"""What all commands share: the runtime, errors as exit codes, an end by signals."""

import argparse
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.errors import BootstrapError, UnexpectedError
from amphv2_bootstrap.spec.masking import NOTHING_SECRET, printable

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime


_LOOK_SECONDS = 0.1
_LAST_SECONDS = 2.0


class Guarded:
    """Mixin of all commands, before cliff's class: turns errors into exit codes.

    A command sets ``exit_code`` where it is not 0.
    """

    exit_code = exit_codes.DONE
    app_args: Any
    _masker = NOTHING_SECRET
    _stopping: "Stopping | None" = None

    def get_epilog(self) -> str:
        """Empty: cliff's own would read the files of every installed package."""
        return ""

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; returns the exit code of :mod:`exit_codes`."""
        try:
            super().run(parsed_args)  # type: ignore[misc]
        except BrokenPipeError:
            raise
        except BootstrapError as exc:
            self._fail(exc)
        except Exception as exc:  # noqa: BLE001 - the boundary of the process
            self._fail(UnexpectedError.of("run the command", exc))
        if self.exit_code and self._stopping is not None and self._stopping.number:
            return exit_codes.SIGNALLED + self._stopping.number
        return self.exit_code

    def _fail(self, error: BootstrapError) -> None:
        if self.app_args.debug:
            raise error
        text = self._masker.text(exit_codes.message_of(error))
        print(printable(text), file=sys.stderr)
        self.exit_code = self.exit_code or exit_codes.code_of(error)

    def stop_on_signals(
        self, stop: Callable[[], None], is_busy: Callable[[], bool]
    ) -> None:
        """Let a signal stop the work; see :class:`Stopping`. Without it, one ends it.

        A command that didn't do its work then has the signal's exit code.
        """
        self._stopping = Stopping(stop, is_busy)

    def runtime(self, controllers: Sequence[str] | None = None) -> "Runtime":
        """Read the configuration and make the engine's parts.

        From here on logs and error messages mask its secrets.

        :param controllers: limits the job to these of the configured controllers.
        :raises InvalidInputError: with all problems of the configuration.
        """
        # Imported here: help and completion do without the engine.
        from amphv2_bootstrap.cmd import logs
        from amphv2_bootstrap.cmd.runtime import Runtime
        from amphv2_bootstrap.conf.build import build
        from amphv2_bootstrap.conf.loading import load

        conf = load(config_files=self.app_args.config_file)
        loaded = build(conf, controllers=controllers)
        for warning in loaded.warnings:
            print(f"WARNING: {warning}", file=sys.stderr)
        runtime = Runtime(loaded)
        self._masker = runtime.masker
        logs.set_up(runtime.masker)
        return runtime


class Stopping:
    """Ends this process on SIGTERM and SIGINT, whatever its main thread waits for.

    ``stop`` is called on the first signal. While ``is_busy`` says so, the process may
    take its time; then it must end within two seconds, or is ended. A second signal
    ends it at once. A signal that is ignored at the start stays ignored.

    ``number`` is the first signal's; 0 before it.
    """

    def __init__(self, stop: Callable[[], None], is_busy: Callable[[], bool]) -> None:
        self.number = 0
        self._stop = stop
        self._is_busy = is_busy
        # A handler would wait for calls into C of the main thread, and must not wait
        # for its locks.
        self._reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)
        threading.Thread(target=self._watch, name="signals", daemon=True).start()

    def _watch(self) -> None:
        self.number = os.read(self._reader, 1)[0]
        threading.Thread(target=self._stop, name="stop", daemon=True).start()
        if self._is_busy():
            text = "Stopping what runs. A second signal ends it at once."
            print(text, file=sys.stderr, flush=True)
        while self._is_busy():
            if self._is_signalled(_LOOK_SECONDS):
                break
        else:
            self._is_signalled(_LAST_SECONDS)
        os._exit(exit_codes.SIGNALLED + self.number)

    def _is_signalled(self, seconds: float) -> bool:
        return bool(select.select([self._reader], [], [], seconds)[0])
