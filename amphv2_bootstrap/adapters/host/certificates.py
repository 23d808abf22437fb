# SPDX-License-Identifier: Apache-2.0
"""Certificates and keys in PEM files: whether they can be used, and until when.

OpenSSL decides whether a file can be used, as it does when a client loads it.
cryptography, which only reads the dates, takes a while to load: it is imported late.
"""

import contextlib
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

WARNING_DAYS = 30
_RENEW = "Renew it"
_DATE = "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class Flaw:
    """``what`` follows the certificate's name, ``todo`` is an imperative.

    With a ``warning`` TLS still works today; without, no connection can be made.
    """

    what: str
    todo: str
    warning: bool = False

    def about(self, name: str) -> str:
        """The flaw of the certificate ``name`` as full sentences."""
        return f"{name} {self.what}. {self.todo}."


def authority_flaws(path: Path, now: datetime | None = None) -> Iterator[Flaw]:
    """What is wrong with a file of certificates of authorities.

    Of several, the one that lasts longest counts: a bundle also has retired ones.

    :param path: a file that this process may read.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError as exc:
        yield _unusable("certificate", exc)
        return
    loaded = _certificates(path)
    yield from _age([max(loaded, key=_end)] if loaded else [], now)


def pair_flaws(
    certificate: Path,
    key: Path | None = None,
    password: str | None = None,
    now: datetime | None = None,
) -> Iterator[Flaw]:
    """What is wrong with a client's certificate, the chain with it, and its key.

    :param certificate: a file that this process may read, as is ``key``.
    :param key: by default it is in the file of the certificate.
    :param password: of the key; None if the client can't give one.
    """
    asked: list[bool] = []

    def answer() -> str:
        asked.append(True)
        return password or ""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(certificate, key, answer)
    except ssl.SSLError as exc:
        yield _refused_pair(exc, encrypted=bool(asked), password=password)
        return
    yield from _age(_certificates(certificate), now)


def socket_warnings(
    connection: object, server: str, now: datetime | None = None
) -> Iterator[str]:
    """Warnings, full sentences, of the certificate that a server has shown.

    :param connection: the socket; without TLS there is no certificate.
    """
    if isinstance(connection, ssl.SSLSocket):
        for flaw in peer_flaws(connection.getpeercert(binary_form=True) or b"", now):
            yield flaw.about(f"The certificate of {server}")


def peer_flaws(der: bytes, now: datetime | None = None) -> Iterator[Flaw]:
    """What is wrong with a certificate in binary form."""
    from cryptography import x509

    with contextlib.suppress(ValueError):
        yield from _age([x509.load_der_x509_certificate(der)], now)


def _certificates(path: Path) -> list["x509.Certificate"]:
    """Empty if cryptography can't read what OpenSSL can."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        return []


def _end(certificate: "x509.Certificate") -> datetime:
    return certificate.not_valid_after_utc


def _age(
    certificates: Iterable["x509.Certificate"], now: datetime | None
) -> Iterator[Flaw]:
    now = now or datetime.now(UTC)
    for certificate in certificates:
        begin, end = certificate.not_valid_before_utc, _end(certificate)
        if end < now:
            yield Flaw(f"expired on {end:{_DATE}}", _RENEW)
        elif begin > now:
            todo = "Set the clock of this host, or renew the certificate"
            yield Flaw(f"isn't valid before {begin:{_DATE} %H:%M} UTC", todo)
        elif end - now < timedelta(days=WARNING_DAYS):
            what = f"expires on {end:{_DATE}}, in {(end - now).days} days"
            yield Flaw(what, _RENEW, warning=True)


def _refused_pair(exc: ssl.SSLError, *, encrypted: bool, password: str | None) -> Flaw:
    if encrypted and not password:
        todo = "Store the key without one, readable by nobody else"
        return Flaw("has a key with a pass phrase, which can't be given", todo)
    if encrypted:
        return Flaw("has a key that its pass phrase doesn't open", "Correct it")
    if exc.reason == "KEY_VALUES_MISMATCH":
        return Flaw("doesn't fit its key", "Name the two that were made together")
    return _unusable("certificate and key", exc)


def _unusable(kind: str, exc: ssl.SSLError) -> Flaw:
    todo = "Write it in PEM form (-----BEGIN ...)"
    return Flaw(f"holds no {kind} that OpenSSL can read ({exc.reason or exc})", todo)
