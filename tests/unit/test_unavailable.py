# SPDX-License-Identifier: Apache-2.0
"""A test without its server or Octavia is skipped by hand, and fails in CI."""

import pytest

from tests.servers.octavia import find_octavia
from tests.servers.process import binary, unavailable


def test_a_missing_server_skips_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names the program that is missing."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-server is not installed"):
        binary("no-such-server")


def test_a_missing_octavia_skips_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names the environment variable."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("AMPHV2_OCTAVIA_VENV", "")
    with pytest.raises(pytest.skip.Exception, match="AMPHV2_OCTAVIA_VENV"):
        find_octavia()


def test_in_ci_nothing_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI the test fails: the machine was set up wrongly."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="it is missing"):
        unavailable("it is missing")
