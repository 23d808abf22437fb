# SPDX-License-Identifier: Apache-2.0
"""The lines of redis.conf; the functional tests have a real Redis read them."""

from dataclasses import replace
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.install.redis_server import (
    LAYOUTS,
    Redis,
    quoted,
    wanted_files,
)
from amphv2_bootstrap.spec.secret import Secret

REDIS = Redis("127.0.0.1", 6379, Secret("p"))


def lines(redis: Redis) -> dict[str, str]:
    return {s.line.split(" ", 1)[0]: s.line.split(" ", 1)[1] for s in redis.settings()}


@pytest.mark.parametrize(
    ("text", "argument"),
    [
        ("plain", '"plain"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("a b#c'd", '"a b#c\'d"'),
        ("é\n", '"\\xc3\\xa9\\x0a"'),
    ],
)
def test_quoting(text: str, argument: str) -> None:
    """The argument is what sdssplitargs reads back."""
    assert quoted(text) == argument


@pytest.mark.parametrize(
    ("address", "bind"),
    [
        ("127.0.0.1", "127.0.0.1 -::1"),
        ("::1", "127.0.0.1 ::1"),
        ("192.0.2.7", "127.0.0.1 -::1 192.0.2.7"),
        ("2001:db8::7", "127.0.0.1 -::1 2001:db8::7"),
    ],
)
def test_addresses(address: str, bind: str) -> None:
    """Redis listens on loopback, and must listen on the host's own address."""
    assert lines(replace(REDIS, address=address))["bind"] == bind


def test_user_line_holds_no_password() -> None:
    """The line holds only a hash; the default user needs no line."""
    assert "user" not in lines(replace(REDIS, username="default"))
    user = lines(replace(REDIS, password=Secret("hunter2"), username="octavia"))["user"]
    assert user.startswith("octavia on #f52fbd32b2b3b86ff88ef6c490628285f482af15")
    assert "hunter2" not in user


def test_secret_does_not_print() -> None:
    """The repr of the server shows no password."""
    assert "hunter2" not in repr(replace(REDIS, password=Secret("hunter2")))


def test_wanted_file_is_private(tmp_path: Path) -> None:
    """redis.conf holds the password, so others lose the right to read it."""
    conf = tmp_path / "redis.conf"
    conf.write_bytes(b"bind 127.0.0.1\n# requirepass foobared\n")
    conf.chmod(0o644)
    layout = replace(LAYOUTS["debian"], config_files=(tmp_path / "no", conf))
    (file,) = wanted_files(layout, REDIS)
    assert b'# requirepass foobared\nrequirepass "p"\n' in file.content
    assert "requirepass" not in repr(file)
    assert not file.is_there()
    file.put()
    assert file.is_there()
    assert conf.stat().st_mode & 0o777 == 0o640
    assert wanted_files(layout, REDIS) == (file,)
