# SPDX-License-Identifier: Apache-2.0
"""What the page on JSON says of the fields."""

import re

from tests import REPOSITORY

_PAGE = (REPOSITORY / "doc/source/json.rst").read_text()


def fields(section: str, depth: int = 0) -> set[str]:
    """The terms that a section describes, within ``depth`` others."""
    indent = " " * 3 * depth
    terms = re.findall(rf"^{indent}(``\w+``(?:, ``\w+``)*)$", _section(section), re.M)
    return set(re.findall(r"\w+", " ".join(terms)))


def values(section: str, field: str) -> set[str]:
    """What is in literals in the description of one field."""
    found = re.search(rf"^( *)``{field}``\n((?:\1   .*\n)+)", _section(section), re.M)
    assert found, field
    return set(re.findall(r"``(\w[\w-]*)``", found[2]))


def _section(title: str) -> str:
    text = _PAGE.partition(f"\n``{title}``\n===")[2]
    assert text, title
    return re.split(r"\n``.*\n===", text)[0]
