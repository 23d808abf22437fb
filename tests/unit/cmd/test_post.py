# SPDX-License-Identifier: Apache-2.0
"""Who posts a job."""

import os
import pwd

import pytest

from amphv2_bootstrap.cmd.post import user_name

_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")


def test_a_user_without_a_name_is_told_by_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a container there may be neither an entry nor a variable."""

    def unknown(_: int) -> None:
        raise KeyError

    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert user_name() == f"uid{os.getuid()}"
