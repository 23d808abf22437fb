# SPDX-License-Identifier: Apache-2.0
"""Certificates that can't be used, or not for long, are found in their files."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from amphv2_bootstrap.adapters.host.certificates import (
    Flaw,
    authority_flaws,
    pair_flaws,
    peer_flaws,
)
from tests.servers.certificates import Authority


def texts(flaws: list[Flaw], *, warning: bool) -> str:
    """All flaws of one severity; there is no other."""
    assert all(one.warning == warning for one in flaws)
    return " ".join(one.about("It") for one in flaws)


def test_good_certificates_have_no_flaw(authority: Authority) -> None:
    """A certificate that lasts for months is fine, whoever it belongs to."""
    pair = authority.pair("client")
    assert list(authority_flaws(authority.file)) == []
    assert list(pair_flaws(pair.certificate, pair.key)) == []


def test_an_expired_certificate_is_an_error(tmp_path: Path) -> None:
    """Nobody accepts it any more, whether it is an authority's or a client's."""
    expired = Authority(tmp_path, days=-2)
    pair = expired.pair("client", days=-2)
    for flaws in (
        authority_flaws(expired.file),
        pair_flaws(pair.certificate, pair.key),
    ):
        assert "expired on 20" in texts(list(flaws), warning=False)


@pytest.mark.parametrize(("days", "warned"), [(29, True), (31, False)])
def test_30_days_before_its_end_there_is_a_warning(
    tmp_path: Path, days: int, warned: bool
) -> None:
    """There is time to renew it, and no warning before that."""
    young = Authority(tmp_path, days=days)
    pair = young.pair("client", days=days)
    der = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    for flaws in (
        authority_flaws(young.file),
        pair_flaws(pair.certificate, pair.key),
        peer_flaws(der.public_bytes(Encoding.DER)),
    ):
        found = list(flaws)
        assert bool(found) == warned
        assert not warned or "in 28 days" in texts(found, warning=True)


def test_a_retired_authority_in_a_bundle_is_no_flaw(
    tmp_path: Path, authority: Authority
) -> None:
    """While an authority is replaced, both are in the file."""
    old = Authority(tmp_path, "old", days=-2)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(old.file.read_bytes() + authority.file.read_bytes())
    assert list(authority_flaws(bundle)) == []


def test_a_key_of_another_certificate_is_found(authority: Authority) -> None:
    """The two files were mixed up."""
    one, other = authority.pair("one"), authority.pair("other")
    found = list(pair_flaws(one.certificate, other.key))
    assert "doesn't fit its key" in texts(found, warning=False)


def test_a_key_with_a_pass_phrase_needs_one(authority: Authority) -> None:
    """A client that can't give it would ask the terminal, and wait."""
    pair = authority.pair("locked", password="s3same")
    without = list(pair_flaws(pair.certificate, pair.key))
    assert "pass phrase, which can't be given" in texts(without, warning=False)
    wrong = list(pair_flaws(pair.certificate, pair.key, "other"))
    assert "doesn't open" in texts(wrong, warning=False)
    assert list(pair_flaws(pair.certificate, pair.key, "s3same")) == []


def test_a_file_of_another_kind_is_found(tmp_path: Path, authority: Authority) -> None:
    """A key, a DER file or any text is no certificate."""
    pair = authority.pair("client")
    text = tmp_path / "text"
    text.write_text("nothing of the kind")
    for flaws in (authority_flaws(text), pair_flaws(text), pair_flaws(pair.key)):
        assert "OpenSSL can read" in texts(list(flaws), warning=False)
