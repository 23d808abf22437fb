# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: equal secrets match, different ones are named, none is shown."""

import base64

import pytest

from amphv2_bootstrap.posting import fingerprints
from amphv2_bootstrap.spec.secret import Secrets

NAMES = ("admin_password", "persistence_password")
SECRETS = Secrets({"admin_password": "one", "persistence_password": "two"})


@pytest.fixture
def wanted() -> dict[str, str]:
    return fingerprints.of(SECRETS, NAMES)


def test_the_same_secrets_agree(wanted: dict[str, str]) -> None:
    """Each call takes another salt; neither it nor a fingerprint shows a secret."""
    assert fingerprints.differences(SECRETS, wanted) == {}
    assert fingerprints.of(SECRETS, NAMES)["salt"] != wanted["salt"]
    assert "one" not in str(wanted)


def test_different_secrets_are_named_but_not_shown(wanted: dict[str, str]) -> None:
    """A missing, a different and an additional secret are each reported."""
    mine = Secrets({"persistence_password": "other-Sesame", "more": "x"})
    found = fingerprints.differences(mine, wanted)
    assert found == {
        "admin_password": "admin_password is not set here",
        "more": "more is set here, but not where the job was posted",
        "persistence_password": "persistence_password differs from the poster's",
    }


@pytest.mark.parametrize("name", ["a\nb", "x " * 9, "\x1b[2J", "a" * 65, ""])
def test_a_forged_name_is_not_repeated(name: str, wanted: dict[str, str]) -> None:
    """A refusal has no text of whoever can write to the database."""
    assert fingerprints.differences(SECRETS, {**wanted, name: "00"}) == {}


def test_a_fingerprint_confirms_no_guess(wanted: dict[str, str]) -> None:
    """It has eight bits, so that one in 256 wrong guesses has the same."""
    assert {len(bytes.fromhex(wanted[name])) for name in NAMES} == {1}


def test_more_jobs_tell_no_more(wanted: dict[str, str]) -> None:
    """The fingerprints of many jobs show the same eight bits each time."""
    for _ in range(4):
        again = fingerprints.of(SECRETS, NAMES)
        assert {name: again[name] for name in NAMES} == {n: wanted[n] for n in NAMES}


def test_a_chosen_salt_tells_no_more(wanted: dict[str, str]) -> None:
    """A refusal names what differs: so nobody may choose what is compared with it."""
    for number in range(4):
        salt = base64.b64encode(bytes([number] * 16)).decode()
        assert fingerprints.differences(SECRETS, {**wanted, "salt": salt}) == {}


@pytest.mark.parametrize("salt", [None, "", "x", "AAAA", "é", 5, ["a"]])
def test_a_forged_salt_is_none(salt: object) -> None:
    """Whatever stands in the salt's place, it is not used."""
    wanted = {"salt": salt, "admin_password": "00"}
    assert fingerprints.salt_of(wanted) is None  # type: ignore[arg-type]
    assert fingerprints.differences(SECRETS, wanted) == {}  # type: ignore[arg-type]
