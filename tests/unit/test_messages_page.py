# SPDX-License-Identifier: Apache-2.0
"""The page of messages: every error of the package is on it, and says what to do."""

from pathlib import Path

import pytest

from amphv2_bootstrap.spec.server_errors import key_value, mysql
from tests import REPOSITORY
from tools import messages

_MODULE = """
class BootstrapError(Exception): ...
class PermanentError(BootstrapError): ...
class TransientError(BootstrapError): ...
class CancelledError(BootstrapError): ...

def act(busy, unit):
    kind = TransientError if busy else PermanentError
    raise kind(f"restart {unit}", why=_why(busy), todo=_todo(busy))

def _why(busy):
    return "it is busy" if busy else "it is gone"

def _todo(busy):
    todo = "overwritten"
    todo = "Start it."
    if busy:
        todo = "Wait."
    return todo
"""


def _package(folder: Path, text: str) -> Path:
    package = folder / "thing"
    package.mkdir()
    (package / "module.py").write_text(text)
    return package


def test_every_error_says_what_to_do() -> None:
    """Neither an error nor a rule about a server's answers leaves the reader alone."""
    assert messages.problems() == []
    rules = [rule for each in key_value.RULES.values() for rule in each]
    assert all(rule.advice for rule in rules)
    assert mysql.ASK_ITS_LOG in messages.servers_table("mysql")


def test_every_class_of_the_tree_is_on_the_page() -> None:
    """Each class of an error that parks or holds up a flow belongs to a section."""
    source = messages.source(messages.PACKAGE)
    needed = {name for name in source.bases if source.is_a(name, "BootstrapError")}
    needed = {name for name in needed if not source.is_a(name, "CancelledError")}
    listed = {
        kind
        for section in messages.KINDS
        for message in messages.of_kind(section)
        for kind in message.kinds
    }
    assert needed - listed <= {"BootstrapError", "InvalidInputError"}


def test_the_page_has_each_section() -> None:
    """No kind of message and no server is left out of the page."""
    page = (REPOSITORY / "doc/source/messages.rst").read_text()
    for kind in messages.KINDS:
        assert f".. error-messages:: {kind}\n" in page
    for system in ("mysql", "tls", *key_value.RULES):
        assert f".. server-errors:: {system}\n" in page


def test_texts_are_followed_to_where_they_are_made(tmp_path: Path) -> None:
    """Functions and local names are resolved; what is unknown is a word in capitals."""
    (found,) = messages.found(_package(tmp_path, _MODULE))
    assert found.kinds == ("TransientError", "PermanentError")
    assert found.title == "restart UNIT: it is busy; or it is gone"
    assert found.advice == "Start it. *Or:* Wait."


@pytest.mark.parametrize("todo", ["", ', todo=""', ', todo="Wait." if busy else ""'])
def test_an_error_without_advice_is_found(todo: str, tmp_path: Path) -> None:
    """It is named by its place, also where it lacks the advice in one case only."""
    text = _MODULE.replace(", todo=_todo(busy)", todo)
    (problem,) = messages.problems(_package(tmp_path, text))
    assert problem.startswith("thing.module:9: restart UNIT")


def test_a_cancellation_needs_no_advice(tmp_path: Path) -> None:
    """The flow goes on elsewhere without the operator."""
    text = _MODULE.partition("def act")[0] + 'raise CancelledError("wait")\n'
    assert messages.problems(_package(tmp_path, text)) == []
