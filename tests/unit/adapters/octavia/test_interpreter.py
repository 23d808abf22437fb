# SPDX-License-Identifier: Apache-2.0
import os
import sys
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.octavia.interpreter import (
    find_python,
    others_may_replace,
)
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings
from tests.unit.service_folder import SERVICE, as_root, service_folder


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("#!{python}\n", True),
        ("#! {python} -s\n", True),
        ("#!/usr/bin/env {name}\n", True),
        ("#!/usr/bin/env -S {name} -P\n", True),
        ("#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n", True),
        ("#!/bin/sh\nexec docker exec octavia octavia-db-manage\n", False),
        ("#!/no/such/python3\n", False),
        ("\x7fELF", False),
        ("", False),
    ],
)
def test_the_interpreter_is_found_in_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str, found: bool
) -> None:
    """The first line of each form of script gives the interpreter."""
    python = tmp_path / "python of octavia"
    if " -s" in head or head == "#!{python}\n":
        python = tmp_path / "python3"
    python.symlink_to(sys.executable)
    if not (tmp_path / "python3").is_symlink():
        (tmp_path / "python3").symlink_to(python)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    script = tmp_path / "octavia-db-manage"
    script.write_text(head.format(python=python, name="python3"))
    script.chmod(0o755)
    expected = tmp_path / "python3" if "env" in head else python
    result = find_python(("octavia-db-manage", "--config-file", "x"))
    assert result == (str(expected) if found else None)


def test_no_interpreter_without_a_script() -> None:
    """A missing command gives no interpreter and no error."""
    assert find_python(("no-such-octavia-db-manage",)) is None
    assert find_python(()) is None


@as_root
def test_a_program_that_others_may_replace_is_named(tmp_path: Path) -> None:
    """Root's programs in root's folders are fine; a service's are not."""
    with service_folder() as service:
        theirs, own = service.path / "octavia-db-manage", tmp_path / "python3"
        for program in (theirs, own):
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)
        host = HostSettings(
            name="c1",
            state_path="/x",
            config_files=("/x",),
            admin=DatabaseUrl("mysql+pymysql"),
            db_manage_command=(str(theirs),),
            octavia_python=str(own),
        )
        (found,) = others_may_replace(host)
        assert found.startswith(f"Root runs {theirs}, and others than root may write")
        os.chown(own, SERVICE, SERVICE)
        assert len(list(others_may_replace(host))) == 2
        os.chown(own, 0, 0)
        os.chown(service.path, 0, 0)
        assert list(others_may_replace(host)) == []
