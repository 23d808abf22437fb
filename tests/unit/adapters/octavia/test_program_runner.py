# SPDX-License-Identifier: Apache-2.0
"""Starting the programs, and reading what they tell."""

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
    """A program in the place of Octavia's Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_python_without_octavia() -> None:
    """The first link breaks, by the name of the module that isn't there."""
    told = program_runner.run(
        sys.executable, "canary", ["/nonexistent"], timeout=60, masker=NOTHING_SECRET
    )
    assert told.broken == "configuration"
    assert told.chain[0].type == "builtins.ModuleNotFoundError"
    assert "octavia" in told.chain[0].text
    assert told.facts is None


def test_safe_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python has no current folder on its path, the programs start as well."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    test_python_without_octavia()


def test_not_a_python(tmp_path: Path) -> None:
    """A program that answers nothing of ours is an error that quotes none of it."""
    python = _interpreter(tmp_path, "echo secret; exit 3")
    with pytest.raises(PermanentError, match="ended with 3") as caught:
        program_runner.run(python, "canary", ["/f"], timeout=60, masker=NOTHING_SECRET)
    assert "secret" not in str(caught.value)


def test_lines(tmp_path: Path) -> None:
    """Links, notes and facts are read, other output is passed over; no secret."""
    script = """cat > /dev/null; cat <<'END'
Some library's banner
{"link": "post", "seconds": 0.1}
{"progress": "10 s: waiting"}
{"note": "a p@ss in a note"}
{"facts": {"revision": "1"}}
END"""
    seen: list[str] = []
    told = program_runner.run(
        _interpreter(tmp_path, script),
        "drill",
        ["/f"],
        timeout=60,
        masker=Masker(["p@ss"]),
        progress=seen.append,
    )
    assert told.links == ("post",)
    assert told.notes == ("a *** in a note",)
    assert told.facts == {"revision": "1"}
    assert seen == ["10 s: waiting"]


def test_a_broken_link_outweighs_facts(tmp_path: Path) -> None:
    """The first link that is told broken is the answer; also what was left."""
    script = """cat > /dev/null; cat <<'END'
{"broken": "claim", "chain": [{"type": "t", "text": "first"}]}
{"left": ["a key"]}
{"broken": "claim", "chain": [{"type": "t", "text": "second"}]}
{"facts": {}}
END"""
    told = program_runner.run(
        _interpreter(tmp_path, script),
        "canary",
        ["/f"],
        timeout=60,
        masker=NOTHING_SECRET,
    )
    assert told.broken == "claim"
    assert [cause.text for cause in told.chain] == ["first"]
    assert told.left == ("a key",)
    assert told.facts is None


@pytest.mark.parametrize("secret", ["type", "redis", "text", "broken"])
def test_a_secret_that_is_a_word_of_the_answer(secret: str, tmp_path: Path) -> None:
    """Types and keys are taken as they are told; only the texts are masked."""
    line = {
        "broken": "claim",
        "chain": [{"type": "redis.exceptions.ConnectionError", "text": f"a {secret}b"}],
    }
    told = _told(tmp_path, secret, line, {"left": [f"key-{secret}-1"]})
    assert told.broken == "claim"
    assert told.chain == (Cause("redis.exceptions.ConnectionError", "a ***b"),)
    assert told.left == ("key-***-1",)


def test_progress_and_notes_hold_no_secret(tmp_path: Path) -> None:
    """What is shown while somebody waits is masked as well."""
    seen: list[str] = []
    lines = ({"progress": "waiting for p@ss"}, {"note": "p@ss"}, {"facts": {"a": "1"}})
    told = _told(tmp_path, "p@ss", *lines, progress=seen.append)
    assert seen == ["waiting for ***"]
    assert told.notes == ("***",)
    assert told.facts == {"a": "1"}


def test_secrets_of_the_sources_are_masked(tmp_path: Path) -> None:
    """What the program found in Octavia's files is no more shown than our own."""
    seen: list[str] = []
    lines = (
        {"secrets": ["m://o:p%40ss@db/p"]},
        {"progress": "waiting for p@ss"},
        {"note": "not let in\n by p%40ss"},
        {"broken": "post", "chain": [{"type": "t", "text": "x" * 398 + "p@ss"}]},
        {"left": ["m://o:p%40ss@db/p"]},
    )
    told = _told(tmp_path, "another", *lines, progress=seen.append)
    assert seen == ["waiting for ***"]
    assert told.notes == ("not let in by ***",)
    assert told.chain == (Cause("t", "x" * 398 + "**"),)
    assert told.left == ("***",)


def _told(
    folder: Path, secret: str, *lines: object, progress: Any = None
) -> program_runner.Told:
    """What is read of a program that tells these lines."""
    (folder / "lines").write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    python = _interpreter(folder, f"cat > /dev/null; cat {folder}/lines")
    return program_runner.run(
        python, "canary", ["/f"], timeout=60, masker=Masker([secret]), progress=progress
    )
