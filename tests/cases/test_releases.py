# SPDX-License-Identifier: Apache-2.0
"""What a release of Octavia knows.

Source: Octavia's release note jobboard-redis-db.
"""

import pytest

from amphv2_bootstrap.spec.octavia_releases import NEWEST_RELEASE, options_of


@pytest.mark.parametrize(
    ("option", "lacking"),
    [
        ("jobboard_backend_username", 12),
        ("jobboard_redis_backend_db", 14),
        ("jobboard_redis_sentinel_username", 14),
        ("jobboard_redis_sentinel_ssl_options", 14),
        ("jobboard_etcd_ssl_options", 14),
    ],
)
def test_options_that_an_older_release_lacks(option: str, lacking: int) -> None:
    """An option that only newer releases have isn't taken for one of the older."""
    assert option not in {one.name for one in options_of(lacking)}
    assert option in {one.name for one in options_of(NEWEST_RELEASE)}
