# SPDX-License-Identifier: Apache-2.0
"""The examples in the help of a command."""

import re
import shlex


def examples(help_text: str) -> list[list[str]]:
    """The arguments of each example, without the name of the program; at least one."""
    text = help_text.partition("Examples:")[2].replace("\\\n", " ")
    found = re.findall(r"^ +amphv2-bootstrap (.+)$", text, re.M)
    assert found, f"this help has no example: {help_text}"
    return [shlex.split(line) for line in found]
