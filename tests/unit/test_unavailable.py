# SPDX-License-Identifier: Apache-2.0
"""A test whose server or Octavia is missing: skipped by hand, failed in CI."""

import pytest

from tests.servers.octavia import find_octavia
from tests.servers.process import binary, unavailable


def test_a_missing_server_skips_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says what to install."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-server is not installed"):
        binary("no-such-server")


def test_a_missing_octavia_skips_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names the variable."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("AMPHV2_OCTAVIA_VENV", "")
    with pytest.raises(pytest.skip.Exception, match="AMPHV2_OCTAVIA_VENV"):
        find_octavia()


def test_in_ci_nothing_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, what is missing is a defect of the machine that was set up."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="it is missing"):
        unavailable("it is missing")
