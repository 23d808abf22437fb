# SPDX-License-Identifier: Apache-2.0
"""Starting the programs, and reading their lines."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.octavia import program_runner
from amphv2_bootstrap.adapters.octavia.program_runner import Cause
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.masking import NOTHING_SECRET, Masker


def _interpreter(folder: Path, script: str) -> str:
    """A program that stands for Octavia's Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_python_without_octavia() -> None:
    """The first link is broken; the error names the missing module."""
    result = program_runner.run(
        sys.executable, "canary", ["/nonexistent"], timeout=60, masker=NOTHING_SECRET
    )
    assert result.broken == "configuration"
    assert result.chain[0].type == "builtins.ModuleNotFoundError"
    assert "octavia" in result.chain[0].text
    assert result.facts is None


def test_safe_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs start even if Python omits the current folder from its path."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    test_python_without_octavia()


def test_not_a_python(tmp_path: Path) -> None:
    """A foreign program is an error that doesn't quote its output."""
    python = _interpreter(tmp_path, "echo secret; exit 3")
    with pytest.raises(PermanentError, match="ended with 3") as caught:
        program_runner.run(python, "canary", ["/f"], timeout=60, masker=NOTHING_SECRET)
    assert "secret" not in str(caught.value)


def test_lines(tmp_path: Path) -> None:
    """Links, notes and facts are read and masked; other output is ignored."""
    script = """read -r request; cat <<'END'
Some library's banner
{"link": "post", "seconds": 0.1}
{"progress": "10 s: waiting"}
{"note": "a p@ss in a note"}
{"facts": {"revision": "1"}}
END"""
    seen: list[str] = []
    result = program_runner.run(
        _interpreter(tmp_path, script),
        "drill",
        ["/f"],
        timeout=60,
        masker=Masker(["p@ss"]),
        progress=seen.append,
    )
    assert result.links == ("post",)
    assert result.notes == ("a *** in a note",)
    assert result.facts == {"revision": "1"}
    assert seen == ["10 s: waiting"]


def test_a_broken_link_outweighs_facts(tmp_path: Path) -> None:
    """The first broken link counts, not a later one or facts; remains are read."""
    script = """read -r request; cat <<'END'
{"broken": "claim", "chain": [{"type": "t", "text": "first"}]}
{"left": ["a key"]}
{"broken": "claim", "chain": [{"type": "t", "text": "second"}]}
{"facts": {}}
END"""
    result = program_runner.run(
        _interpreter(tmp_path, script),
        "canary",
        ["/f"],
        timeout=60,
        masker=NOTHING_SECRET,
    )
    assert result.broken == "claim"
    assert [cause.text for cause in result.chain] == ["first"]
    assert result.left == ("a key",)
    assert result.facts is None


@pytest.mark.parametrize("secret", ["type", "redis", "text", "broken"])
def test_a_secret_that_is_a_word_of_the_answer(secret: str, tmp_path: Path) -> None:
    """Only texts are masked; types and keys stay."""
    line = {
        "broken": "claim",
        "chain": [{"type": "redis.exceptions.ConnectionError", "text": f"a {secret}b"}],
    }
    result = _result_of(tmp_path, secret, line, {"left": [f"key-{secret}-1"]})
    assert result.broken == "claim"
    assert result.chain == (Cause("redis.exceptions.ConnectionError", "a ***b"),)
    assert result.left == ("key-***-1",)


def test_progress_and_notes_hold_no_secret(tmp_path: Path) -> None:
    """Progress and notes are masked."""
    seen: list[str] = []
    lines = ({"progress": "waiting for p@ss"}, {"note": "p@ss"}, {"facts": {"a": "1"}})
    result = _result_of(tmp_path, "p@ss", *lines, progress=seen.append)
    assert seen == ["waiting for ***"]
    assert result.notes == ("***",)
    assert result.facts == {"a": "1"}


def test_secrets_of_the_sources_are_masked(tmp_path: Path) -> None:
    """Secrets that the program found in Octavia's files are masked as our own."""
    seen: list[str] = []
    lines = (
        {"secrets": ["m://o:p%40ss@db/p"]},
        {"progress": "waiting for p@ss"},
        {"note": "not let in\n by p%40ss"},
        {"broken": "post", "chain": [{"type": "t", "text": "x" * 398 + "p@ss"}]},
        {"left": ["m://o:p%40ss@db/p"]},
    )
    result = _result_of(tmp_path, "another", *lines, progress=seen.append)
    assert seen == ["waiting for ***"]
    assert result.notes == ("not let in by ***",)
    assert result.chain == (Cause("t", "x" * 398 + "**"),)
    assert result.left == ("***",)


def _result_of(
    folder: Path, secret: str, *lines: object, progress: Any = None
) -> program_runner.Result:
    """The result of a program that prints these lines."""
    (folder / "lines").write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    python = _interpreter(folder, f"read -r request; cat {folder}/lines")
    return program_runner.run(
        python, "canary", ["/f"], timeout=60, masker=Masker([secret]), progress=progress
    )


@pytest.mark.parametrize(
    ("version", "is_old"), [("2.7", True), ("3.6", True), ("3.8", False), ("", False)]
)
def test_a_python_that_is_too_old(tmp_path: Path, version: str, is_old: bool) -> None:
    """Where a program gives no answer, the error says so if that is the cause."""
    asked = f'case "$2" in *version_info*) echo "{version}" ;; *) exit 1 ;; esac'
    python = _interpreter(tmp_path, asked)
    with pytest.raises(PermanentError) as caught:
        program_runner.run(python, "canary", [], timeout=60, masker=NOTHING_SECRET)
    assert (f"Python {version}, but" in caught.value.why) is is_old
    assert ("3.8 or later" in caught.value.todo) is is_old


def test_a_program_that_ended_before_its_request(tmp_path: Path) -> None:
    """What was started early and gives no answer is replaced by a new one."""
    answer = """{"facts": {"revision": "1"}}"""
    python = _interpreter(tmp_path, f"read -r request; echo '{answer}'")
    (tmp_path / "other").mkdir()
    ended = _interpreter(tmp_path / "other", "exit 3")
    started = program_runner.start(ended, "canary")
    result = program_runner.run(
        python, "canary", [], timeout=60, masker=NOTHING_SECRET, started=started
    )
    assert result.facts == {"revision": "1"}
