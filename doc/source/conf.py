# SPDX-License-Identifier: Apache-2.0
"""How Sphinx renders these documents."""

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
