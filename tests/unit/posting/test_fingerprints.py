# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: equal secrets match, different ones are named, none is shown."""

import pytest

from amphv2_bootstrap.engine.errors import RefusedError
from amphv2_bootstrap.posting import fingerprints
from amphv2_bootstrap.spec.secret import Secrets

NAMES = ("admin_password", "persistence_password")
SECRETS = Secrets({"admin_password": "one", "persistence_password": "two"})


def test_the_same_secrets_agree() -> None:
    """Each call takes another salt, and the fingerprints hold no secret."""
    first, second = (fingerprints.of(SECRETS, NAMES) for _ in range(2))
    fingerprints.check(SECRETS, first, "ctl1")
    assert not set(first.values()) & set(second.values())
    assert "one" not in str(first)


def test_different_secrets_are_named_but_not_shown() -> None:
    """A missing and a different secret are both reported, with the host."""
    wanted = fingerprints.of(SECRETS, NAMES)
    mine = Secrets({"persistence_password": "other"})
    with pytest.raises(RefusedError) as caught:
        fingerprints.check(mine, wanted, "ctl2")
    text = str(caught.value)
    assert "ctl2" in text
    assert "admin_password is not set here" in text
    assert "persistence_password differs" in text
    assert "other" not in text.replace("others", "")


def test_two_equal_secrets_have_two_fingerprints() -> None:
    """Nobody can see that two options hold the same password."""
    same = Secrets(dict.fromkeys(NAMES, "same"))
    found = fingerprints.of(same, NAMES)
    assert found["admin_password"] != found["persistence_password"]


def test_a_renewal_takes_this_hosts_secrets() -> None:
    """It names those that differ; its fingerprints accept this host."""
    old = fingerprints.of(Secrets({"a": "one", "b": "two"}), ["a", "b"])
    here = Secrets({"a": "one", "b": "corrected"})
    new = fingerprints.renewal(here, old, "c1")
    assert new is not None
    assert tuple(new.names) == ("b",)
    fingerprints.check(here, new.fingerprints, "c1")
    assert "corrected" not in str(new)
    assert fingerprints.renewal(here, new.fingerprints, "c1") is None


def test_a_renewal_needs_every_secret() -> None:
    """A host that lacks one can't give its secrets to the job."""
    old = fingerprints.of(Secrets({"a": "one", "b": "two"}), ["a", "b"])
    with pytest.raises(RefusedError, match="b is not set here"):
        fingerprints.renewal(Secrets({"a": "other"}), old, "c1")
