# SPDX-License-Identifier: Apache-2.0
"""TLS to a database: what the arguments of its URL mean; and what a handshake refused.

Sources: ``MySQLDialect_mysqldb.create_connect_args`` of SQLAlchemy (2.0, 2.1) and
``Connection`` of PyMySQL (1.1, 1.2). SQLAlchemy puts ``ssl_ca``, ``ssl_capath``,
``ssl_cert``, ``ssl_key``, ``ssl_cipher`` and ``ssl_check_hostname`` into a dictionary.
It passes all others on as texts, any of which is true to PyMySQL, and for some of which
PyMySQL drops that dictionary.
"""

import enum
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from amphv2_bootstrap.spec.task_flow_group import Trap, Traps, is_boolean, is_true

AUTHORITIES = ("ssl_ca", "ssl_capath")
_DICTIONARY = (*AUTHORITIES, "ssl_cert", "ssl_key", "ssl_cipher", "ssl_check_hostname")
_REPLACING = ("ssl_verify_cert", "ssl_verify_identity")
_INSTEAD = (
    "Write ssl_ca=/PATH/TO/CA.pem, which verifies the server and its name, or "
    "ssl_check_hostname=false, which only encrypts"
)
_REFUSED = {
    "ssl_key_password": (
        "which never reaches the key",
        "Store the key without a pass phrase, readable by nobody else",
    ),
    "ssl_verify_identity": (
        "with which PyMySQL checks no host name and forgets ssl_ca",
        "Remove it, and name ssl_ca: that verifies the server and its name",
    ),
}

_BY_CODE = {
    2026: "Enable TLS in the server, or remove the ssl_ arguments from the URL if "
    "nobody can listen in between.",
    3159: "The server demands TLS: write ssl_ca=/PATH/TO/CA.pem into the URL.",
}
"""By error number: the server offers no TLS; it lets nobody in without."""
DEMANDS = "ssl_ca for REQUIRE SSL, ssl_cert and ssl_key for REQUIRE X509"
FILES = "Check the files that the URL's ssl_ca, ssl_cert, ssl_key, unix_socket name."


class Level(enum.IntEnum):
    """What protects a connection; each member includes those before it."""

    NONE = 0
    OFFERED = 1
    """Encrypted if the server offers it (PyMySQL 1.2 or later), never verified."""
    ENCRYPTED = 2
    """Encrypted, or no connection (PyMySQL 1.2 or later); not verified."""
    AUTHORITY = 3
    """The certificate is of a trusted authority, for whatever name."""
    HOST_NAME = 4
    """The certificate is of the server that was asked for."""


_WORDS = {
    Level.ENCRYPTED: " by TLS, unverified",
    Level.AUTHORITY: " by TLS of a trusted authority",
    Level.HOST_NAME: " by verified TLS",
}


@dataclass(frozen=True, slots=True)
class Tls:
    """The meaning of a URL's arguments."""

    level: Level
    client_certificate: bool = False

    @property
    def is_verified(self) -> bool:
        """Whether only a holder of a trusted certificate can read what is sent."""
        return self.level >= Level.AUTHORITY

    @property
    def words(self) -> str:
        """How a connection is protected, to follow its server; empty without TLS."""
        return _WORDS.get(self.level, "")


def meaning(query: Mapping[str, str]) -> Tls:
    """What PyMySQL does with the arguments of a ``mysql+pymysql`` URL."""
    if "ssl_disabled" in query:
        return Tls(Level.NONE)
    if any(name in query for name in _REPLACING):
        verified = "ssl_verify_identity" in query or _verifies(query["ssl_verify_cert"])
        return Tls(Level.AUTHORITY if verified else Level.ENCRYPTED)
    level = Level.OFFERED
    if any(name in query for name in AUTHORITIES):
        checked = is_true(query.get("ssl_check_hostname", "true"))
        level = Level.HOST_NAME if checked else Level.AUTHORITY
    elif any(name in query for name in _DICTIONARY):
        level = Level.ENCRYPTED
    return Tls(level, "ssl_cert" in query)


def url_traps(option: str, query: Mapping[str, str]) -> Traps:
    """TLS arguments that mean something else than they seem to, or nothing.

    :param option: the option that has the URL.
    :param query: its arguments; one without a value has ``""``.
    """
    about = {name for name in query if name.lower().startswith(("ssl", "tls"))}
    found = list(_names(option, query, about) if about else ())
    yield from found
    if not found:
        yield from _combinations(option, query, about)


def arguments(text: str) -> dict[str, str]:
    """The arguments of a URL, with those that have no value: SQLAlchemy drops them."""
    query = text.partition("?")[2]
    return dict(parse_qsl(query, keep_blank_values=True))


def _verifies(text: str) -> bool:
    return text.lower() in ("optional", "required", "1", "true", "yes")


def _names(option: str, query: Mapping[str, str], about: set[str]) -> Traps:
    """Arguments that are wrong whatever the others are."""
    for name in sorted(about):
        value = query[name]
        if name in _REFUSED:
            what, todo = _REFUSED[name]
            yield Trap(option, f"has the argument {name}, {what}", todo)
        elif name not in (*_DICTIONARY, "ssl_disabled", "ssl_verify_cert"):
            what = f"has the argument {name}, with which PyMySQL can't connect"
            yield Trap(option, what, _INSTEAD)
        elif not value:
            what = f"has the argument {name} without a value: SQLAlchemy drops it"
            yield Trap(option, what, "Give it a value, or remove it")
        elif name == "ssl_check_hostname" and not is_boolean(value):
            what = f"has {name}={value}, which is neither true nor false"
            yield Trap(option, what, f"Write {name}=false, or remove it")
        elif name == "ssl_disabled" and not is_true(value):
            what = f"has {name}={value}, but any value turns TLS off"
            yield Trap(option, what, "Remove it")


def _combinations(option: str, query: Mapping[str, str], about: set[str]) -> Traps:
    """Arguments that contradict each other, or protect less than they seem to."""
    authority = any(name in query for name in AUTHORITIES)
    if "ssl_disabled" in about and len(about) > 1:
        others = ", ".join(sorted(about - {"ssl_disabled"}))
        what = f"has ssl_disabled, which turns off TLS, and {others}"
        yield Trap(option, what, "Remove ssl_disabled, or the others")
    elif "ssl_verify_cert" in about:
        yield from _verify_cert(option, query, about)
    elif "ssl_key" in about and "ssl_cert" not in about:
        what = "has ssl_key without ssl_cert, so that PyMySQL uses neither"
        yield Trap(option, what, "Add ssl_cert, the certificate of that key")
    elif is_true(query.get("ssl_check_hostname", "false")) and not authority:
        what = "has ssl_check_hostname without ssl_ca, so that PyMySQL checks nothing"
        yield Trap(option, what, "Add ssl_ca=/PATH/TO/CA.pem, which checks it, too")
    elif meaning(query).level is Level.ENCRYPTED:
        yield _unverified(option)


def _verify_cert(option: str, query: Mapping[str, str], about: set[str]) -> Traps:
    others = ", ".join(sorted(about - {"ssl_verify_cert"}))
    if others:
        what = f"has ssl_verify_cert, with which PyMySQL forgets {others}"
        todo = "Remove it: ssl_ca alone verifies the server and its name"
        yield Trap(option, what, todo)
    elif not _verifies(query["ssl_verify_cert"]):
        yield _unverified(option)
    else:
        what = (
            "has ssl_verify_cert without ssl_ca: a certificate of any authority that "
            "this system trusts is accepted, for whatever host name"
        )
        todo = "Write ssl_ca=/PATH/TO/CA.pem instead, which checks the name, too"
        yield Trap(option, what, todo, "warning")


def _unverified(option: str) -> Trap:
    what = "asks for TLS without ssl_ca: whoever is in between can pose as the server"
    return Trap(option, what, "Add ssl_ca=/PATH/TO/CA.pem", "warning")


# Words of OpenSSL, and what to do; the first that fit count.
ADVICE = (
    (
        "certificate is not yet valid",
        "Its certificate isn't valid yet: set the clocks of both hosts.",
    ),
    ("certificate has expired", "Its certificate has expired: renew it."),
    (
        "mismatch, certificate is not valid for",
        "Its certificate has another name: connect to a name that it has, or add this "
        "one to it as a subjectAltName.",
    ),
    (
        "self-signed certificate|self signed|unable to get (local )?issuer|"
        "unable to verify the first|certificate signature failure",
        "Its certificate is of an authority that isn't trusted here: name the file of "
        "the right one in the TLS options (ssl_ca, ssl_ca_certs, ca_cert).",
    ),
    ("ALERT_CERTIFICATE_EXPIRED", "The client's certificate has expired: renew it."),
    (
        "ALERT_(CERTIFICATE_|BAD_CERT|UNSUPPORTED_CERT|UNKNOWN_CA|HANDSHAKE_FAIL)",
        "The server refuses the client's certificate, or its lack: name certificate "
        "and key of an authority that the server trusts in the TLS options.",
    ),
    (
        "WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE",
        "The server speaks no TLS on this port: correct the port or the TLS options.",
    ),
    ("CERTIFICATE_VERIFY_FAILED", "Correct the TLS options, or the certificate."),
)
_INTERRUPTED = (
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
)


def advice(text: str) -> str | None:
    """What to do about a refused handshake of which ``text`` reports; None if none."""
    return next((todo for words, todo in ADVICE if re.search(words, text)), None)


def refusal(exc: BaseException | None) -> str | None:
    """What to do about TLS if that is what failed, and would fail again; else None.

    Looks into the errors from which a library made ``exc``. A handshake that was
    interrupted is no refusal.
    """
    for each in _chain(exc):
        if isinstance(each, ssl.SSLError) and not isinstance(each, _INTERRUPTED):
            todo = "Correct the TLS options, or the server's certificate."
            return advice(str(each)) or todo
    return None


def database_refusal(exc: BaseException) -> str | None:
    """The same for an error of PyMySQL, by its number, too."""
    code = exc.args[0] if exc.args else None
    return refusal(exc) or (_BY_CODE.get(code) if isinstance(code, int) else None)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that caused it; PyMySQL keeps its in an attribute."""
    while exc is not None:
        yield exc
        original = getattr(exc, "original_exception", None)
        exc = original or exc.__cause__ or exc.__context__
