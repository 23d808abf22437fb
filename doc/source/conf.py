# SPDX-License-Identifier: Apache-2.0
"""How Sphinx renders these documents."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).parents[2]))

from tools import messages

project = "amphv2-bootstrap"
author = "the amphv2-bootstrap authors"
copyright = author  # noqa: A001 - Sphinx's name

extensions = ["cliff.sphinxext", "oslo_config.sphinxext", "reno.sphinxext"]
html_theme = "alabaster"
html_theme_options = {
    "description": "Resumable provisioning of the amphorav2 provider's jobboard",
    "fixed_sidebar": True,
    "page_width": "1000px",
}
nitpicky = True
man_pages = [
    ("commands", "amphv2-bootstrap", "set up Octavia's jobboard", author, 1),
    ("conductor", "amphv2-conductor", "carry out jobs of amphv2-bootstrap", author, 8),
]


class MessagesTable(SphinxDirective):
    """The errors of a kind; see ``tools/messages.py``."""

    required_arguments = 1
    text = staticmethod(messages.messages_table)

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        return self.parse_text_to_nodes(self.text(self.arguments[0]))


class ServersTable(MessagesTable):
    """What the answers of a server mean."""

    text = staticmethod(messages.servers_table)


class ConductorHelp(SphinxDirective):
    """What ``amphv2-conductor --help`` prints."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        argv = [sys.executable, "-m", "amphv2_bootstrap.cmd.daemon", "--help"]
        width = {**os.environ, "COLUMNS": "80"}
        text = subprocess.run(
            argv, env=width, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        return [nodes.literal_block(text, text, language="none")]


def _has_each_command(app: Sphinx, error: Exception | None) -> None:
    """Fail the build of a manual page that lacks a command."""
    if error or app.builder.name != "man":
        return
    page = (Path(app.outdir) / "amphv2-bootstrap.1").read_text().replace("\\-", "-")
    names = [found.name for found in entry_points(group="amphv2_bootstrap.commands")]
    missing = [name for name in names if f"\n.SS {name}\n" not in page]
    if missing or not names:
        raise ExtensionError(f"amphv2-bootstrap.1 lacks commands: {missing}")


def setup(app: Sphinx) -> None:
    """Register what this project adds; an error without advice fails the build."""
    if silent := messages.problems():
        raise ExtensionError(f"errors without advice: {'; '.join(silent)}")
    app.add_directive("error-messages", MessagesTable)
    app.add_directive("server-errors", ServersTable)
    app.add_directive("conductor-help", ConductorHelp)
    app.connect("build-finished", _has_each_command)
