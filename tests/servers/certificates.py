# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of the tests' own."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = ("localhost", "127.0.0.1")
"""The names of a server of the tests."""


@dataclass(frozen=True)
class Pair:
    """The files of one certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; everything is in ``folder``."""

    def __init__(
        self, folder: Path, name: str = "authority", days: float = 365
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(
            _pem(
                _builder(self._name, self._name, self._key, days)
                .add_extension(x509.BasicConstraints(True, None), critical=True)
                .sign(self._key, hashes.SHA256())
            )
        )

    def pair(
        self,
        name: str,
        names: Sequence[str] = (),
        *,
        days: float = 365,
        password: str | None = None,
    ) -> Pair:
        """A certificate of ``name``; ``names`` are a server's host names and addresses.

        :param days: until it expires; less than 0 if it has.
        :param password: encrypts the key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self._name, key, days)
        if names:
            alternatives = x509.SubjectAlternativeName(map(_general_name, names))
            builder = builder.add_extension(alternatives, critical=False)
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        pair.certificate.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(_key_text(key, password))
        return pair

    def server(self, name: str = "server", days: float = 365) -> Pair:
        """The certificate of a server on the loopback interface."""
        return self.pair(name, LOOPBACK, days=days)

    def context(self, name: str = "probe") -> ssl.SSLContext:
        """What a client needs that trusts this authority, and has a certificate."""
        pair = self.pair(name)
        context = ssl.create_default_context(cafile=self.file)
        context.load_cert_chain(pair.certificate, pair.key)
        return context


@dataclass(frozen=True)
class Tls:
    """What servers and their clients show each other; both trust ``authority``."""

    authority: Authority
    server: Pair
    client: Pair

    @classmethod
    def of(cls, authority: Authority) -> "Tls":
        return cls(authority, authority.server(), authority.pair("client"))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: float
) -> x509.CertificateBuilder:
    end = datetime.now(UTC) + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(end, datetime.now(UTC)) - timedelta(days=1))
        .not_valid_after(end)
    )


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_text(key: ec.EllipticCurvePrivateKey, password: str | None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that the tests' servers and clients trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def tls(authority: Authority) -> Tls:
    """Certificates for a server on the loopback interface and for its clients."""
    return Tls.of(authority)
