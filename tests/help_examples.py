# SPDX-License-Identifier: Apache-2.0
"""The examples in the help of a command."""

import re
import shlex


def examples(help_text: str) -> list[list[str]]:
    """The arguments of each example, without the name of the program."""
    text = help_text.partition("Examples:")[2].replace("\\\n", " ")
    found = re.findall(r"^ +amphv2-bootstrap (.+)$", text, re.M)
    return [shlex.split(line) for line in found]
