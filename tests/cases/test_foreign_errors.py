# SPDX-License-Identifier: Apache-2.0
"""A library's error that quotes a secret.

Sources: ansible.mysql 394 and PyMySQL 548: an option file that begins with a password,
without a section before it; the parser's error quotes that line.
"""

import traceback
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.mysql.sessions import session
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.database import DatabaseUrl

SECRET = "hunter2-very-private"


def test_an_option_file(tmp_path: Path) -> None:
    """File and line are reported; the line itself is not, in the traceback neither."""
    file = tmp_path / "my.cnf"
    file.write_text(f"password = {SECRET}\n")
    query = {"read_default_file": str(file)}
    url = DatabaseUrl("mysql+pymysql", "root", "127.0.0.1", 1, query=query)
    with pytest.raises(PermanentError) as caught, session(url, None):
        pass
    assert f"{file}, line 1" in caught.value.why
    assert SECRET not in "".join(traceback.format_exception(caught.value))
