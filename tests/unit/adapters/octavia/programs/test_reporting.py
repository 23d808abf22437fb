# SPDX-License-Identifier: Apache-2.0
"""What the programs print, and that they end."""

import io
import json
import sys

import pytest

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.octavia.programs.reporting import BrokenLinkError, Report
from tests import REPOSITORY
from tests.servers.process import wait_until
from tests.unit.adapters.octavia.programs.script import run_script

_HEAD = """
import sys, time
from amphv2_bootstrap.adapters.octavia.programs import reporting
"""


def _lines(report: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in report.getvalue().splitlines()]


def test_chain_holds_causes_without_statements() -> None:
    """A chain has each cause's own text, without a statement's values."""
    report = Report(io.StringIO())
    try:
        try:
            raise ValueError("the\ncause")
        except ValueError as exc:
            raise RuntimeError("outer\n[SQL: INSERT p] [parameters: (1,)]") from exc
    except RuntimeError as exc:
        chain = report.chain(exc)
    assert chain == [
        {"type": "builtins.RuntimeError", "text": "outer"},
        {"type": "builtins.ValueError", "text": "the\ncause"},
    ]


def test_chain_ends_where_the_cause_was_withheld() -> None:
    """A chain omits a cause that ``from None`` suppressed, since it may be secret."""
    report = Report(io.StringIO())
    try:
        try:
            raise ValueError("the line with s3cret")
        except ValueError:
            raise BrokenLinkError("it can't be parsed (line 3)") from None
    except BrokenLinkError as exc:
        chain = report.chain(exc)
    assert [one["text"] for one in chain] == ["it can't be parsed (line 3)"]


def test_only_a_link_that_holds_is_reported() -> None:
    """A link that holds gets a line; a broken one stays the link under proof."""
    stream = io.StringIO()
    report = Report(stream)
    with report.at("post"):
        pass
    with pytest.raises(BrokenLinkError), report.at("claim"):
        raise BrokenLinkError("no")
    assert [line["link"] for line in _lines(stream)] == ["post"]
    assert report.link == "claim"


def test_a_program_that_hangs_is_interrupted() -> None:
    """It reports that its time is over, even if a library catches Exception."""
    script = """
def program(report, request):
    with report.at("claim"):
        try:
            time.sleep(60)
        except Exception:
            time.sleep(60)
reporting.run(program)
"""
    (line,) = run_script(_HEAD + script, 0.2)
    assert line["broken"] == "claim"
    assert "its time is over" in str(line["chain"])


def test_a_program_that_gets_no_request_ends() -> None:
    """Its caller may not need it after all; an open stdin doesn't keep it."""
    script = "reporting._REQUEST_SECONDS = 1\nreporting.run(lambda *_: None)"
    argv = (sys.executable, "-c", _HEAD + script)
    started = commands.start(argv, env={"PYTHONPATH": str(REPOSITORY)})
    wait_until(lambda: not started.is_running, what="it ends")
    started.kill()


def test_what_libraries_print_is_not_an_answer() -> None:
    """Prints of libraries don't get into the output."""
    script = """
def program(report, request):
    print("banner")
    report.say(facts={})
reporting.run(program)
"""
    assert run_script(_HEAD + script) == [{"facts": {}}]


def test_a_thread_that_never_ends_does_not_hold_the_program() -> None:
    """The program ends even if a library's thread waits for a dead server."""
    script = """
import threading
def program(report, request):
    threading.Thread(target=time.sleep, args=(600,)).start()
    report.say(facts={})
reporting.run(program)
"""
    assert run_script(_HEAD + script) == [{"facts": {}}]


def test_killing_a_child_that_is_gone() -> None:
    """A second kill of the same child does nothing."""
    script = """
pid = reporting.fork(lambda: time.sleep(600))
reporting.kill(pid)
reporting.kill(pid)
print("{}")
"""
    assert run_script(_HEAD + script) == [{}]
