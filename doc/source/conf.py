# SPDX-License-Identifier: Apache-2.0
"""How Sphinx renders these documents."""

import sys
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
man_pages = [("commands", "amphv2-bootstrap", "set up Octavia's jobboard", author, 1)]


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


def setup(app: Sphinx) -> None:
    """Register what this project adds; an error without advice fails the build."""
    if silent := messages.problems():
        raise ExtensionError(f"errors without advice: {'; '.join(silent)}")
    app.add_directive("error-messages", MessagesTable)
    app.add_directive("server-errors", ServersTable)
