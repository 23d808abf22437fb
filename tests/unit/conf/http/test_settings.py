# SPDX-License-Identifier: Apache-2.0
"""Where the status page may be served, and what is refused."""

import re

import pytest

from amphv2_bootstrap.conf.http import settings
from amphv2_bootstrap.errors import InvalidInputError
from tests.servers.certificates import Authority
from tests.unit.conf.configuration import Configuration

TOKEN = "a-token-of-some-length"


def _refused(configuration: Configuration, **options: object) -> str:
    with pytest.raises(InvalidInputError) as caught:
        configuration.change({"conductor": options}).build()
    return "\n".join(caught.value.problems)


def test_off_by_default(configuration: Configuration) -> None:
    """Nothing is served unless it is asked for."""
    assert configuration.build().http is None


@pytest.mark.parametrize("bind", ["127.0.0.1:9187", "[::1]:9187", "localhost:80"])
def test_this_host_needs_nothing_more(bind: str, configuration: Configuration) -> None:
    """An address of this host only is served as it is."""
    http = configuration.change({"conductor": {"http_bind": bind}}).build().http
    assert http is not None
    assert http.is_loopback
    assert http.url == f"http://{bind}/"


@pytest.mark.parametrize("bind", ["0.0.0.0:9187", "[::]:9187", "ctl1:9187"])
def test_others_need_token_and_tls(bind: str, configuration: Configuration) -> None:
    """All that is missing is named in one problem."""
    said = _refused(configuration, http_bind=bind)
    assert said.startswith(f"[conductor] http_bind is {bind}, which other hosts may")
    for option in ("http_token_file", "http_tls_cert", "http_tls_key"):
        assert option in said


def test_token_and_tls_open_it(
    configuration: Configuration, authority: Authority
) -> None:
    """With a token's file and a pair, it is served on any address by https."""
    pair = authority.server("page")
    file = configuration.folder / "token"
    file.touch(0o600)
    file.write_text(f"{TOKEN}\n")
    options = {
        "http_bind": "0.0.0.0:9187",
        "http_token_file": str(file),
        "http_tls_cert": str(pair.certificate),
        "http_tls_key": str(pair.key),
    }
    loaded = configuration.change({"conductor": options}).build()
    assert loaded.http is not None
    assert loaded.http.token is not None
    assert loaded.http.token.reveal() == TOKEN
    assert loaded.http.url.startswith("https://")
    assert TOKEN not in repr(loaded)


def test_all_problems_come_together(configuration: Configuration) -> None:
    """A bad address, a short token and missing files are reported at once."""
    said = _refused(
        configuration,
        http_bind="9187",
        http_token="short",
        http_tls_cert="/no/such/cert",
        http_tls_key="relative",
    )
    for option in ("http_bind", "http_token", "http_tls_cert", "http_tls_key"):
        assert len(re.findall(rf"\[conductor\] {option} ", said)) == 1, said
    assert "short" not in said.replace("shorter", "")


def test_a_pair_that_does_not_fit(
    configuration: Configuration, authority: Authority
) -> None:
    """A certificate without its own key is refused."""
    said = _refused(
        configuration,
        http_bind="127.0.0.1:9187",
        http_tls_cert=str(authority.server("one").certificate),
        http_tls_key=str(authority.server("two").key),
    )
    assert "doesn't fit its key" in said


def test_the_extra_is_named(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its packages, the configuration says what to install."""
    monkeypatch.setattr(settings, "find_spec", lambda _: None)
    said = _refused(configuration, http_bind="127.0.0.1:9187")
    assert "amphv2-bootstrap[http]" in said
