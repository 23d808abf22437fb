# SPDX-License-Identifier: Apache-2.0
"""No secret reaches the handlers of the logs."""

import io
import logging
import threading
from pathlib import Path

import pytest

from amphv2_bootstrap.cmd import logs
from amphv2_bootstrap.spec.masking import Masker
from tests.unit.service_folder import as_root, service_folder

SECRET = "p@ss-word"
LOG = logging.getLogger("amphv2-test-logs")


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The output of the root logger's only handler."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    return stream


def test_the_last_masker_counts(stream: io.StringIO) -> None:
    """A new masker, for a new configuration, replaces the old one and its secrets."""
    logs.set_up(Masker(["former-word"]))
    logs.set_up(Masker([SECRET]))
    LOG.warning("former-word %s", SECRET)
    assert stream.getvalue() == "WARNING: former-word ***\n"


def test_an_error_that_ends_a_thread_is_masked(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The traceback is logged masked; Python's own hook would print the secret."""
    logs.set_up(Masker([SECRET]))
    monkeypatch.setattr(threading, "excepthook", logs.log_unhandled)

    def fail() -> None:
        raise RuntimeError("not let in with p@" + "ss-word")

    thread = threading.Thread(target=fail, name="ears")
    thread.start()
    thread.join(30)
    assert "CRITICAL: Unhandled error in thread ears" in stream.getvalue()
    assert "RuntimeError" in stream.getvalue()
    assert "not let in" not in stream.getvalue().replace('"not let in', "")


@as_root
def test_no_log_is_written_through_a_services_link(tmp_path: Path) -> None:
    """A link in a folder that others may write is refused; root's own is followed."""
    with service_folder() as service:
        (service.path / "link.log").symlink_to(service.victim)
        (service.path / "folder").symlink_to(service.victims)
        for name in ("link.log", "folder/new.log"):
            with pytest.raises(OSError, match="is a symbolic link"):
                logs.to_file(str(service.path / name), logging.INFO)
        service.assert_harmless()
        (tmp_path / "root.log").symlink_to(service.path / "new.log")
        handler = logs.to_file(str(tmp_path / "root.log"), logging.INFO)
        handler.close()
        assert (service.path / "new.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("path", ["/dev/null", "/proc/self/fd/1"])
def test_a_log_may_be_a_device(path: str) -> None:
    """Devices and this process's own outputs can be named as the file."""
    logs.to_file(path, logging.INFO).close()
