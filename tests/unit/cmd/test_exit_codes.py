# SPDX-License-Identifier: Apache-2.0
"""The exit codes and the page that lists them."""

import re
import signal

from amphv2_bootstrap.cmd import exit_codes
from tests import REPOSITORY

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def test_the_page_lists_all_exit_codes() -> None:
    """Each code of the module is in the table of operate.rst, and no other."""
    page = (REPOSITORY / "doc/source/operate.rst").read_text()
    table = page.split("\nExit codes\n")[1].split("===\n\nA signal ends")[0]
    listed = {int(code) for code in re.findall(r"(?m)^(\d+) +\S", table)}
    constants = {
        value
        for name, value in vars(exit_codes).items()
        if name.isupper() and name != "SIGNALLED"
    }
    assert listed == constants | {exit_codes.SIGNALLED + each for each in _SIGNALS}
