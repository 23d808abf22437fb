# SPDX-License-Identifier: Apache-2.0
"""``amphv2-bootstrap``: its description, options and log."""

import argparse
import logging
from importlib import metadata
from typing import Any

from cliff.app import App
from cliff.commandmanager import CommandManager

from amphv2_bootstrap.cmd import logs

DESCRIPTION = """\
Give a cloud's Octavia the jobboard of its amphorav2 provider: persistence
database, key-value backend, configuration of every controller, restarts.

'init' writes the configuration, and 'plan' shows what will be done. Begin with
'amphv2-bootstrap post-job --wait' while amphv2-conductor runs on the controllers;
or, without conductors, 'amphv2-bootstrap run' on each controller. Both go on where
they were interrupted. 'job show' shows how far a job is, and 'job watch' follows it
to its end.
"""

EPILOG = """\
Configuration: /etc/amphv2-bootstrap/amphv2-bootstrap.conf (mode 0600).
Exit codes: 0 done; 1 failed or parked; 2 bad usage or configuration, nothing
was changed; 3 timed out waiting; 4 changes are pending ('plan'); 130 or 143 ended
by SIGINT (Ctrl-C) or SIGTERM.
"""


class BootstrapApp(App):
    """cliff's application; the commands are entry points."""

    def __init__(self) -> None:
        super().__init__(
            description=DESCRIPTION,
            version=metadata.version("amphv2-bootstrap"),
            command_manager=CommandManager("amphv2_bootstrap.commands"),
            deferred_help=True,
        )

    def build_option_parser(
        self,
        description: str | None,
        version: str | None,
        argparse_kwargs: Any = None,
    ) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().build_option_parser(
            description,
            version,
            {
                "formatter_class": argparse.RawDescriptionHelpFormatter,
                "epilog": EPILOG,
                "prog": "amphv2-bootstrap",
            },
        )
        parser.add_argument(
            "--config-file",
            action="append",
            metavar="PATH",
            help="configuration file; may be given several times, the last wins "
            "(default: /etc/amphv2-bootstrap/amphv2-bootstrap.conf)",
        )
        return parser

    def configure_logging(self) -> None:
        """Log errors to stderr, more with ``-v``; a log file also gets information."""
        level = {0: logging.ERROR, 1: logging.WARNING, 2: logging.INFO}.get(
            self.options.verbose_level, logging.DEBUG
        )
        handlers = [logs.to_terminal(level)]
        if self.options.log_file:
            handlers.append(self._log_file(min(level, logging.INFO)))
        logging.basicConfig(
            level=min(handler.level for handler in handlers), handlers=handlers
        )
        if level > logging.DEBUG:
            logs.quieten()

    def _log_file(self, level: int) -> logging.Handler:
        path = self.options.log_file
        try:
            return logs.to_file(path, level)
        except OSError as exc:
            self.parser.error(f"argument --log-file: {path}: {exc.strerror}")
