# SPDX-License-Identifier: Apache-2.0
"""The completion for bash that ``complete`` prints, in a real bash."""

import subprocess
import sys
from pathlib import Path

import pytest

# As the package bash-completion has it, for words without a colon.
_BASH = """\
_get_comp_words_by_ref() {
    words=("${COMP_WORDS[@]}")
    cur=${words[COMP_CWORD]}
    prev=${words[COMP_CWORD - 1]}
}
source /dev/stdin
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_amphv2_bootstrap
echo "${COMPREPLY[*]}"
complete -p amphv2-bootstrap
"""


@pytest.fixture(scope="module")
def completion() -> str:
    """What ``amphv2-bootstrap complete`` prints."""
    done = subprocess.run(
        # It completes for the name under which it was started.
        [Path(sys.executable).with_name("amphv2-bootstrap"), "complete"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (("pos",), "post-job"),
        (("job", "sh"), "show"),
        (("post-job", "--wa"), "--wait"),
        (("conductor", "l"), "list"),
    ],
)
def test_bash_completes(
    completion: str, typed: tuple[str, ...], completed: str
) -> None:
    """Commands, their second words and their options are completed."""
    done = subprocess.run(
        ["bash", "-c", _BASH, "bash", "amphv2-bootstrap", *typed],
        input=completion,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == [
        completed,
        "complete -F _amphv2_bootstrap amphv2-bootstrap",
    ], done.stderr
