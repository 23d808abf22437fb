# SPDX-License-Identifier: Apache-2.0
"""Octavia's Python is looked at as a service sees it."""

import pytest


@pytest.fixture(autouse=True)
def without_python_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """With PYTHONPATH set, the folders of an interpreter do not tell what it loads."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
