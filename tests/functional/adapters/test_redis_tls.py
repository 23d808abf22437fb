# SPDX-License-Identifier: Apache-2.0
"""Redis and Sentinel over TLS: Octavia's backend, and the engine's board."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.key_value.sentinel_order import Silence, silence
from amphv2_bootstrap.engine.board import Board, BoardUnavailableError
from amphv2_bootstrap.errors import BootstrapError, PermanentError
from amphv2_bootstrap.jobboards.redis.board import open_board
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.spec.model import Value
from amphv2_bootstrap.spec.secret import Secret, Secrets
from tests.contract.boards import posted
from tests.functional.adapters.test_key_value import GOOD, check, spec_for
from tests.servers.certificates import Authority, Tls
from tests.servers.process import wait_until
from tests.servers.redis import (
    HOST,
    SENTINEL_PASSWORD,
    RedisServer,
    Sentinels,
    running_redis,
    ssl_options,
)

SENTINEL_SECRETS = Secrets(
    {
        "jobboard_backend_password": GOOD.text("jobboard_backend_password"),
        "jobboard_redis_sentinel_password": SENTINEL_PASSWORD,
    }
)
BACKEND = "jobboard_redis_backend_ssl_options"
SENTINEL = "jobboard_redis_sentinel_ssl_options"


def settings(server: RedisServer, options: dict[str, str]) -> BoardSettings:
    """The engine's own board on that server."""
    return BoardSettings(
        driver="redis",
        namespace="tls",
        hosts=(server.host,),
        port=server.port,
        password=Secret(server.password),
        redis_ssl=options,
    )


def under_sentinel(cloud: Sentinels, options: dict[str, str]) -> BoardSettings:
    """The engine's own board on the master that the Sentinels know."""
    return dataclasses.replace(
        settings(cloud.sentinels[0], options),
        password=Secret(cloud.password),
        redis_sentinel=cloud.name,
        redis_sentinel_password=Secret(cloud.sentinel_password),
        redis_sentinel_ssl=options,
    )


@contextmanager
def opened(wanted: BoardSettings) -> Iterator[Board]:
    with closing(open_board(wanted)) as board:
        board.connect()
        yield board


def test_octavias_redis_by_a_client_certificate(
    tls_redis: RedisServer, tls: Tls
) -> None:
    """A private authority, the host name and the client's certificate are right."""
    spec = spec_for("redis", tls_redis.port, **{BACKEND: ssl_options(tls)})
    assert check(spec, GOOD) == ()


def test_octavias_sentinel_by_a_client_certificate(
    tls_sentinels: Sentinels, tls: Tls
) -> None:
    """Sentinel and Redis each have their own options."""
    options: dict[str, Value] = {BACKEND: ssl_options(tls), SENTINEL: ssl_options(tls)}
    port = tls_sentinels.sentinels[0].port
    spec = spec_for(
        "redis", port, jobboard_redis_sentinel=tls_sentinels.name, **options
    )
    warnings = check(spec, SENTINEL_SECRETS)
    assert not [one for one in warnings if "certificate" in one]
    assert silence(spec) == Silence()


def test_the_engines_board_by_a_client_certificate(
    tls_redis: RedisServer, tls_sentinels: Sentinels, tls: Tls
) -> None:
    """The engine's own jobboard works on Redis, and on Redis under Sentinel."""
    for wanted in (
        settings(tls_redis, ssl_options(tls)),
        under_sentinel(tls_sentinels, ssl_options(tls)),
    ):
        with opened(wanted) as board:
            entry = posted(board)
            board.claim_entry(entry, "me", 60)
            assert board.remove(entry, "me")


def wrong_options(tls: Tls, folder: Path) -> dict[str, tuple[dict[str, str], str]]:
    """Options that can't work, with the advice."""
    good = ssl_options(tls)
    bare = {name: good[name] for name in ("ssl", "ssl_ca_certs")}
    stranger = str(Authority(folder).file)
    return {
        "stranger": ({**good, "ssl_ca_certs": stranger}, "right one"),
        "no authority": ({"ssl": "True"}, "right one"),
        "no client certificate": (bare, "client's certificate"),
    }


def told(attempt: Callable[[], object]) -> BootstrapError:
    """The error of an attempt. A server that asks in vain for a certificate may close
    the connection before its client reads why: then it is interrupted, and made again.
    """
    found: list[BootstrapError] = []

    def is_refused() -> bool:
        with pytest.raises(BootstrapError) as caught:
            attempt()
        found.append(caught.value)
        return "TLS options" in caught.value.todo and "Start" not in caught.value.todo

    wait_until(is_refused, what="the refusal is read", state=lambda: found[-1])
    return found[-1]


@pytest.mark.parametrize("case", ["stranger", "no authority", "no client certificate"])
def test_a_refused_certificate_is_permanent(
    case: str, tls_redis: RedisServer, tls: Tls, tmp_path: Path
) -> None:
    """The step does not try again; the board says what to do about TLS."""
    options, advice = wrong_options(tls, tmp_path)[case]
    spec = spec_for("redis", tls_redis.port, **{BACKEND: options})
    error = told(lambda: check(spec, GOOD))
    assert isinstance(error, PermanentError)
    assert advice in error.todo
    with closing(open_board(settings(tls_redis, options))) as board:
        unavailable = told(board.connect)
    assert isinstance(unavailable, BoardUnavailableError)
    assert advice in unavailable.todo


def test_a_missing_file_is_permanent(tls_redis: RedisServer, tls: Tls) -> None:
    """redis-py calls it a failed connection; the advice is about the files."""
    options = {**ssl_options(tls), "ssl_ca_certs": "/nowhere.pem"}
    with pytest.raises(PermanentError, match="files that the TLS options name"):
        check(spec_for("redis", tls_redis.port, **{BACKEND: options}), GOOD)


def test_a_server_of_another_name_is_refused(tmp_path: Path, tls: Tls) -> None:
    """The authority is right, but the certificate is another server's."""
    other = dataclasses.replace(tls, server=tls.authority.pair("other", ["kv.example"]))
    with running_redis(tmp_path, tls=other) as server:
        spec = spec_for("redis", server.port, **{BACKEND: ssl_options(tls)})
        with pytest.raises(PermanentError, match="subjectAltName"):
            check(spec, GOOD)


@pytest.mark.parametrize("days", [20, 40])
def test_a_servers_certificate_that_expires_soon_is_a_warning(
    days: int, tmp_path: Path, tls: Tls
) -> None:
    """Only what the server shows tells when it expires; 30 days are enough to act."""
    young = dataclasses.replace(tls, server=tls.authority.server(f"young{days}", days))
    with running_redis(tmp_path, tls=young) as server:
        spec = spec_for("redis", server.port, **{BACKEND: ssl_options(tls)})
        warnings = check(spec, GOOD)
    assert [f"{HOST}:{server.port}" in one for one in warnings] == [True] * (days < 30)
    assert all("certificate" in one and "expires on" in one for one in warnings)
