# SPDX-License-Identifier: Apache-2.0
"""What all commands share: the runtime, errors as exit codes, an end by signals."""

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.spec.masking import NOTHING_SECRET

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime


class Guarded:
    """Mixin of all commands, before cliff's class: turns errors into exit codes.

    A command sets ``exit_code`` where it is not 0.
    """

    exit_code = exit_codes.DONE
    app_args: Any
    _masker = NOTHING_SECRET

    def get_epilog(self) -> str:
        """Empty: cliff's own would read the files of every installed package."""
        return ""

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; returns the exit code of :mod:`exit_codes`."""
        try:
            super().run(parsed_args)  # type: ignore[misc]
        except BootstrapError as exc:
            if self.app_args.debug:
                raise
            text = exit_codes.message_of(exc)
            print(self._masker.text(text), file=sys.stderr)
            return self.exit_code or exit_codes.code_of(exc)
        return self.exit_code

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


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call ``stop`` on SIGTERM and SIGINT, in a thread.

    A handler must not wait for a lock that the main thread holds.
    """

    def handle(*_: object) -> None:
        threading.Thread(target=stop, name="stop", daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
