# SPDX-License-Identifier: Apache-2.0
"""What systemd allows the conductor, and what it does when it ends."""

import configparser

from tests import REPOSITORY


def _service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.read(REPOSITORY / "etc" / "systemd" / "amphv2-conductor.service")
    return unit["Service"]


def test_its_memory_has_a_bound() -> None:
    """Rows by the million cost the conductor its process, and no other service any."""
    service = _service()
    assert service["MemoryMax"] == "2G"
    assert service["Restart"] == "always"


def test_what_it_writes_is_private() -> None:
    """Neither its files, its folders nor a core file shows a secret to others."""
    service = _service()
    assert service["UMask"] == "0077"
    assert service["StateDirectoryMode"] == service["ConfigurationDirectoryMode"]
    assert service["StateDirectoryMode"] == "0700"
    assert service["LimitCORE"] == "0"
