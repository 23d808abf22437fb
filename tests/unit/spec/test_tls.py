# SPDX-License-Identifier: Apache-2.0
"""The arguments of a URL mean what PyMySQL makes of them."""

import ssl
from collections.abc import Mapping

import pymysql
import pytest
import sqlalchemy
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql

from amphv2_bootstrap.spec.tls import (
    Level,
    Tls,
    arguments,
    meaning,
    refusal,
    url_traps,
)
from tests.servers.certificates import Authority

MEANINGS = {
    "": Tls(Level.OFFERED),
    "charset=utf8": Tls(Level.OFFERED),
    "ssl_disabled=true": Tls(Level.NONE),
    "ssl_disabled=false&ssl_ca=CA": Tls(Level.NONE),
    "ssl_ca=CA": Tls(Level.HOST_NAME),
    "ssl_ca=CA&ssl_check_hostname=true": Tls(Level.HOST_NAME),
    "ssl_ca=CA&ssl_check_hostname=false": Tls(Level.AUTHORITY),
    "ssl_ca=CA&ssl_check_hostname=off": Tls(Level.AUTHORITY),
    "ssl_capath=FOLDER": Tls(Level.HOST_NAME),
    "ssl_ca=CA&ssl_cert=CERT&ssl_key=KEY": Tls(Level.HOST_NAME, True),
    "ssl_cert=CERT&ssl_key=KEY": Tls(Level.ENCRYPTED, True),
    "ssl_key=KEY": Tls(Level.ENCRYPTED),
    "ssl_check_hostname=true": Tls(Level.ENCRYPTED),
    "ssl_check_hostname=false": Tls(Level.ENCRYPTED),
    "ssl_cipher=HIGH": Tls(Level.ENCRYPTED),
    "ssl_verify_cert=true": Tls(Level.AUTHORITY),
    "ssl_verify_cert=false": Tls(Level.ENCRYPTED),
    "ssl_verify_cert=whatever": Tls(Level.ENCRYPTED),
    "ssl_verify_cert=true&ssl_ca=CA&ssl_cert=CERT&ssl_key=KEY": Tls(Level.AUTHORITY),
    "ssl_verify_identity=true&ssl_ca=CA": Tls(Level.AUTHORITY),
}


def with_files(text: str, authority: Authority) -> str:
    """The arguments with real files for the words in capitals."""
    pair = authority.pair("client")
    files = {
        "CA": authority.file,
        "CERT": pair.certificate,
        "KEY": pair.key,
        "FOLDER": authority.folder,
    }
    for word, path in files.items():
        text = text.replace(f"={word}", f"={path}")
    return text


class Connection(pymysql.Connection):
    """Notes whether PyMySQL would show a certificate."""

    has_certificate = False

    def _create_ssl_ctx(self, sslp: Mapping[str, object]) -> object:
        self.has_certificate = "cert" in sslp
        return super()._create_ssl_ctx(sslp)


def made_of(text: str) -> Tls:
    """What the installed libraries make of the arguments, without a connection."""
    url = sqlalchemy.make_url(f"mysql+pymysql://u:p@h/d?{text}")
    options = MySQLDialect_pymysql().create_connect_args(url)[1]
    connection = Connection(**{**options, "defer_connect": True})
    if not connection.ssl:
        return Tls(Level.NONE)
    if not connection._ssl_required:
        return Tls(Level.OFFERED)
    level = Level.ENCRYPTED
    if connection.ctx.verify_mode == ssl.CERT_REQUIRED:
        level = Level.HOST_NAME if connection.ctx.check_hostname else Level.AUTHORITY
    return Tls(level, connection.has_certificate)


@pytest.mark.parametrize("text", MEANINGS)
def test_the_libraries_agree_with_the_table(text: str, authority: Authority) -> None:
    """What we say of a URL is what SQLAlchemy and PyMySQL do with it."""
    assert meaning(arguments(text and f"?{text}")) == MEANINGS[text]
    real = with_files(text, authority)
    assert made_of(real) == MEANINGS[text]


REFUSED = {
    "ssl=true": "argument ssl, with which PyMySQL can't connect",
    "ssl_mode=REQUIRED": "ssl_mode, with which PyMySQL can't connect",
    "SSL_CA=/ca": "SSL_CA, with which",
    "tls=1": "tls, with which",
    "ssl_verify_identity=true": "checks no host name",
    "ssl_key_password=x": "never reaches the key",
    "ssl_ca=": "SQLAlchemy drops it",
    "ssl_ca=/ca&ssl_check_hostname=perhaps": "neither true nor false",
    "ssl_disabled=false": "any value turns TLS off",
    "ssl_disabled=true&ssl_ca=/ca": "turns off TLS, and ssl_ca",
    "ssl_ca=/ca&ssl_verify_cert=true": "forgets ssl_ca",
    "ssl_verify_cert=true&ssl_cert=/c&ssl_key=/k": "forgets ssl_cert, ssl_key",
    "ssl_ca=/ca&ssl_key=/k": "ssl_key without ssl_cert",
    "ssl_check_hostname=true": "checks nothing",
}
WARNED = {
    "ssl_check_hostname=false": "whoever is in between",
    "ssl_cert=/c&ssl_key=/k": "whoever is in between",
    "ssl_verify_cert=false": "whoever is in between",
    "ssl_verify_cert=true": "for whatever host name",
}


@pytest.mark.parametrize(
    ("text", "words", "severity"),
    [
        *((text, words, "refused") for text, words in REFUSED.items()),
        *((text, words, "warning") for text, words in WARNED.items()),
    ],
)
def test_arguments_that_mislead_are_found(text: str, words: str, severity: str) -> None:
    """One trap says what really happens, and how severe that is."""
    (trap,) = url_traps("admin_connection", arguments(f"mysql+pymysql://h/?{text}"))
    assert words in str(trap)
    assert trap.severity == severity


@pytest.mark.parametrize(
    "text",
    [
        "",
        "charset=utf8mb4",
        "ssl_disabled=true",
        "ssl_ca=/ca",
        "ssl_capath=/folder",
        "ssl_ca=/ca&ssl_check_hostname=false",
        "ssl_ca=/ca&ssl_cert=/c&ssl_key=/k&ssl_cipher=HIGH",
        "ssl_ca=/ca&ssl_cert=/both",
    ],
)
def test_arguments_that_mean_what_they_say_are_no_trap(text: str) -> None:
    """Each level of protection can be written without a warning, except a half one."""
    assert list(url_traps("x", arguments(f"?{text}"))) == []


def test_a_verified_connection_is_known() -> None:
    """A password may be sent in clear only where the server is known."""
    assert [level for level in Level if Tls(level).is_verified] == [
        Level.AUTHORITY,
        Level.HOST_NAME,
    ]


def caused_by(original: Exception) -> Exception:
    """PyMySQL's error, made from ``original``."""
    error = pymysql.err.OperationalError(2003, "Can't connect")
    error.original_exception = original  # type: ignore[attr-defined]
    return error


REASONS = {
    "CERTIFICATE_VERIFY_FAILED] certificate verify failed: IP address mismatch, "
    "certificate is not valid for '127.0.0.1'.": "subjectAltName",
    "CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer "
    "certificate": "ssl_ca",
    "CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired": (
        "renew"
    ),
    "CERTIFICATE_VERIFY_FAILED] certificate verify failed: odd": "TLS options",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert": "client's certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED] sslv3 alert": "has expired",
    "NO_CIPHERS_AVAILABLE] no ciphers": "TLS options",
}


@pytest.mark.parametrize("text", REASONS)
def test_advice_names_the_reason_of_the_refusal(text: str) -> None:
    """Another name, another authority and an expired certificate differ."""
    assert REASONS[text] in (refusal(caused_by(ssl.SSLError(1, f"[SSL: {text}"))) or "")


@pytest.mark.parametrize(
    "error",
    [None, OSError("x"), ConnectionResetError(), ssl.SSLEOFError(8, "EOF occurred")],
)
def test_an_interrupted_handshake_is_no_refusal(error: Exception | None) -> None:
    """A server that goes away in the middle comes back."""
    assert refusal(error) is None
    assert refusal(caused_by(error)) is None if error else True


def test_a_wrong_port_is_told_from_a_wrong_certificate() -> None:
    """A real handshake with a server that speaks no TLS."""
    outgoing, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(
        incoming, outgoing, server_hostname="h"
    )
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    incoming.write(b"-ERR unknown command\r\n")
    with pytest.raises(ssl.SSLError) as caught:
        client.do_handshake()
    assert "speaks no TLS" in (refusal(caught.value) or "")
