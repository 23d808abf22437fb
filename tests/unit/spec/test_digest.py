# SPDX-License-Identifier: Apache-2.0
from amphv2_bootstrap.spec.digest import slow_digest


def test_only_equal_texts_under_the_same_salt_and_name_are_equal() -> None:
    """Another text, salt or name gives another digest."""
    digest = slow_digest("s3cret", b"salt", "a")
    assert digest == slow_digest("s3cret", b"salt", "a")
    others = [
        ("s3cret ", b"salt", "a"),
        ("s3cret", b"sal", "a"),
        ("s3cret", b"salt", "b"),
    ]
    assert all(slow_digest(*other) != digest for other in others)
    assert b"s3cret" not in digest
