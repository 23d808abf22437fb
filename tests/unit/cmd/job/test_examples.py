# SPDX-License-Identifier: Apache-2.0
"""The examples of each command's help work as they stand."""

from importlib import metadata

import pytest

from tests.help_examples import examples
from tests.unit.cmd.job.conftest import Run

ELSEWHERE = {"init", "plan", "run", "verify"}
"""Commands that need a cloud: see tests/functional/pages. ``init`` wants no file."""
CODES = {"job watch": 3}
"""A job without conductors goes on when its wait is over."""
COMMANDS = sorted(
    point.name
    for point in metadata.entry_points(group="amphv2_bootstrap.commands")
    if point.name not in ELSEWHERE
)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_the_help(run: Run, job: str, command: str) -> None:
    """Each example is a call of its command that this version can carry out."""
    code, text, _ = run(*command.split(), "--help")
    assert code == 0
    for example in examples(text):
        assert " ".join(example).startswith(command)
        arguments = [job if word == "0b6b" else word for word in example]
        if command == "post-job" and "--controllers" in arguments:
            run("job", "cancel", job)  # another job may begin only then
        code, out, err = run(*arguments)
        assert code == CODES.get(command, 0), out + err
