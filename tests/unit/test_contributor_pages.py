# SPDX-License-Identifier: Apache-2.0
"""The code in the pages for contributors works.

Each page adds one thing to a copy of this repository: its Python blocks are new files,
its diffs change existing files. Then the last command of the page runs the tests in
that copy.
"""

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests import REPOSITORY
from tests.unit.test_architecture import SOURCE_RULES, TEST_RULES, parse

PAGES = ("add-a-step", "add-a-check", "add-a-board", "add-a-flow")

_BLOCK = re.compile(
    r"^\.\. code-block:: (?P<language>\w+)\n"
    r"(?:   :caption: (?P<path>\S+)\n)?\n"
    r"(?P<body>(?:   .*\n|\n)+)",
    re.MULTILINE,
)
_COMMAND = re.compile(r"\$ tools/test\.sh(?: --unit)? ((?:.*\\\n)*.*)")
_COPIED = ("amphv2_bootstrap", "tests")
_long = partial(pytest.param, marks=pytest.mark.long)


@dataclass(frozen=True)
class Block:
    """One block of code of a page, for the file ``path``."""

    language: str
    path: str | None
    text: str


def blocks(page: str) -> Iterator[Block]:
    """The page's blocks of code, in order."""
    for match in _BLOCK.finditer(page):
        lines = match["body"].rstrip("\n").split("\n")
        text = "".join(f"{line[3:]}\n" for line in lines)
        yield Block(match["language"], match["path"], text)


def changed(text: str, diff: str) -> str:
    """Apply the diff; its hunks begin with a line ``@@``, without numbers."""
    for hunk in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] or line for line in lines if line[0] != "+")
        after = "".join(line[1:] or line for line in lines if line[0] != "-")
        if lines:
            assert text.count(before) == 1, f"not once in the file:\n{before}"
            text = text.replace(before, after)
    return text


class Checkout:
    """A copy of this repository, to which a page adds something."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _COPIED:
            # With the compiled files, which stay valid: the copy keeps times.
            shutil.copytree(REPOSITORY / name, folder / name)
        for name in ("pyproject.toml", "setup.cfg"):
            shutil.copy(REPOSITORY / name, folder / name)

    def add(self, page: str) -> None:
        """Write the page's new files, and apply its diffs."""
        for block in blocks(page):
            if block.language == "console":
                continue
            assert block.path, f"no caption names the file of:\n{block.text}"
            file = self.folder / block.path
            if block.language == "diff":
                file.write_text(changed(file.read_text(), block.text))
            else:
                assert not file.exists(), f"{block.path} is there already"
                file.write_text(block.text)
        self._install()

    def _install(self) -> None:
        """Write the entry points of setup.cfg as pip would."""
        setup = configparser.ConfigParser(delimiters=("=",))
        setup.read(self.folder / "setup.cfg")
        groups = setup["entry_points"].items()
        folder = self.folder / "amphv2_bootstrap-0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Name: amphv2-bootstrap\nVersion: 0\n")
        text = "\n".join(f"[{group}]{lines}\n" for group, lines in groups)
        (folder / "entry_points.txt").write_text(text)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run pytest in the copy, which precedes this repository on its path."""
        environment = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("PYTEST_", "COV_", "PYTHONPATH"))
        }
        plugins = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
        return subprocess.run(
            [sys.executable, "-m", "pytest", *plugins, *arguments],
            cwd=self.folder,
            env=environment | {"XDG_CACHE_HOME": str(self.folder / "cache")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


def read(name: str) -> str:
    """A page's source."""
    return (REPOSITORY / f"doc/source/contributor/{name}.rst").read_text()


def command(page: str) -> list[str]:
    """The arguments for pytest in the page's command."""
    (block,) = [block for block in blocks(page) if block.language == "console"]
    match = _COMMAND.fullmatch(block.text.strip())
    assert match, f"not one command of tools/test.sh:\n{block.text}"
    return shlex.split(match[1].replace("\\\n", ""))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """An unchanged copy."""
    return Checkout(tmp_path / "checkout")


@pytest.mark.parametrize("name", PAGES)
def test_the_code_of_the_page_works(name: str, checkout: Checkout) -> None:
    """With the page's files and registration, all tests that it names pass."""
    page = read(name)
    checkout.add(page)
    done = checkout.run(*command(page))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_tests_what_it_adds(name: str) -> None:
    """The page's command runs every test that the page adds."""
    page = read(name)
    arguments = command(page)
    paths = [block.path for block in blocks(page) if block.path]
    tests = [path for path in paths if Path(path).name.startswith("test_")]
    missing = [path for path in tests if not path.startswith(tuple(arguments))]
    assert not missing


@pytest.mark.parametrize("name", PAGES)
def test_the_code_of_the_page_keeps_the_rules(name: str) -> None:
    """The code keeps the rules of test_architecture.py."""
    found: list[str] = []
    for block in blocks(read(name)):
        if block.language == "python" and block.path:
            path = Path(block.path)
            module = parse(".".join(path.with_suffix("").parts), block.text, path)
            rules = TEST_RULES if path.parts[0] == "tests" else SOURCE_RULES
            found += [broken for rule in rules for broken in rule(module)]
    assert not found


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        _long("add-a-step", "with self.making(_MADE):", "if True:"),
        _long("add-a-check", "if durable_file", "if not durable_file"),
        ("add-a-board", "if job is None or job.owner:", "if job is None:"),
        ("add-a-flow", '"check-effective-configuration",', '"restart",'),
    ],
    ids=["step", "check", "board", "flow"],
)
def test_broken_code_is_found(
    name: str, right: str, wrong: str, checkout: Checkout
) -> None:
    """With one wrong line, the tests of the page fail."""
    page = read(name)
    assert right in page
    checkout.add(page.replace(right, wrong))
    assert checkout.run("-x", *command(page)).returncode == 1


def test_a_diff_that_does_not_match_is_refused() -> None:
    """The unchanged lines of a hunk must be in the file exactly once."""
    assert changed("a\nb\n", " a\n+new\n b\n") == "a\nnew\nb\n"
    assert changed("a\nb\n", "@@\n a\n+c\n@@\n-b\n") == "a\nc\n"
    for text in ("b\n", "a\na\n"):
        with pytest.raises(AssertionError, match="not once in the file"):
            changed(text, " a\n+new\n")


def test_contributing_links_every_page() -> None:
    """CONTRIBUTING.rst and the table of contents link every page."""
    links = (REPOSITORY / "CONTRIBUTING.rst").read_text()
    contents = (REPOSITORY / "doc/source/index.rst").read_text()
    for name in PAGES:
        assert f"<doc/source/contributor/{name}.rst>`_" in links
        assert f"   contributor/{name}\n" in contents
