# SPDX-License-Identifier: Apache-2.0
"""The prose linter: which texts it checks, and which words it finds."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools import prose

WORDS = tomllib.loads(prose.WORDS.read_text())["words"]


def found(text: str, suffix: str) -> list[tuple[int, str]]:
    """The line and the word of each finding."""
    checked = prose.prose(text, suffix)
    return [(line, word) for line, word, _ in sorted(prose.findings(checked, WORDS))]


@pytest.mark.parametrize(
    ("sentence", "word"),
    [
        ("The operator is told.", "told"),
        ("Mended by a later run.", "Mended"),
        ("The file is to be there.", "is to be"),
        ("The run is at an end.", "at an end"),
        ("The conductor has his own clock.", "his"),
        ("A conductor whose claim has expired", "whose"),
        ("Who died owns no flow.", "Who"),
        ("Whoever waits, waits long.", "Whoever"),
    ],
)
def test_a_word_is_found(sentence: str, word: str) -> None:
    """The finding has the line's number and the word as it is written."""
    assert found(f"A title\n\n{sentence}\n", ".rst") == [(3, word)]


@pytest.mark.parametrize(
    "sentence",
    [
        "This history is untold.",
        "Who holds ``a.claim`` now?",
        "The one who died owns no flow.",
        "The field ``told`` and the option `aside` are names.",
    ],
)
def test_other_words_are_left_alone(sentence: str) -> None:
    """Parts of words, questions, subordinate clauses and literals are allowed."""
    assert found(sentence, ".yaml") == []


def test_a_phrase_may_be_broken_across_lines() -> None:
    """A phrase on two lines is found in a document, a comment and a message."""
    assert found("it is\nto be so", ".md") == [(1, "is to be")]
    assert found("# It is\n# to be so.\n", ".py") == [(1, "is to be")]
    assert found('x = (\n    "it is "\n    "to be"\n)\n', ".py") == [(2, "is to be")]


def test_code_is_no_prose() -> None:
    """Only comments and strings are checked, not names and placeholders."""
    source = 'told = aside(f"so {told}", "a.b")  # aside\nraise Told("is told")\n'
    assert found(source, ".py") == [(1, "aside"), (2, "told")]


def test_a_literal_block_is_no_prose() -> None:
    """The text after a literal block is checked again."""
    text = "So::\n\n    aside\n\n    told\n\n.. code-block:: ini\n\n   told\n\nAside.\n"
    assert found(text, ".rst") == [(11, "Aside")]


def test_the_command_names_place_and_replacement(tmp_path: Path) -> None:
    """The command prints each finding, and exits with 1."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "a.rst").write_text("All is well.\n")
    (tmp_path / "b.py").write_text('"""Nobody is told."""\n')
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, prose.__file__, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("a.rst").returncode == 0
    failed = run()
    assert (failed.returncode, failed.stdout) == (
        1,
        "b.py:1: told -> reported, said\n",
    )
