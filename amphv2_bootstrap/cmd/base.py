# SPDX-License-Identifier: Apache-2.0
"""What all commands share: the runtime, and errors as exit codes."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.engine.redaction import Redactor


class Guarded:
    """Mixed in before a cliff command: its ``run`` is the process boundary.

    A command sets ``exit_code`` where 0 isn't the answer.
    """

    exit_code = exit_codes.DONE
    app_args: Any
    _redactor: "Redactor | None" = None

    def get_epilog(self) -> str:
        """Nothing: cliff reads every installed package's files to tell whose it is."""
        return ""

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; the one place where errors become exit codes."""
        try:
            super().run(parsed_args)  # type: ignore[misc]
        except BootstrapError as exc:
            if self.app_args.debug:
                raise
            text = exit_codes.message_of(exc)
            print(
                self._redactor.text(text) if self._redactor else text, file=sys.stderr
            )
            return exit_codes.code_of(exc)
        return self.exit_code

    def runtime(self, controllers: Sequence[str] | None = None) -> "Runtime":
        """Read the configuration and make the engine's parts.

        What is logged from here on, or told of an error, shows none of its secrets.

        :param controllers: the only ones to take of those that are configured.
        :raises InvalidInputError: with all problems of the configuration.
        """
        # Imported here: help and completion don't need the engine.
        from amphv2_bootstrap.cmd import logs
        from amphv2_bootstrap.cmd.runtime import Runtime
        from amphv2_bootstrap.conf.build import build
        from amphv2_bootstrap.conf.loading import load

        conf = load(config_files=self.app_args.config_file)
        loaded = build(conf, controllers=controllers)
        for warning in loaded.warnings:
            print(f"WARNING: {warning}", file=sys.stderr)
        runtime = Runtime(loaded)
        self._redactor = runtime.redactor
        logs.redact(runtime.redactor)
        return runtime
