# SPDX-License-Identifier: Apache-2.0
"""Settings of a board keep their secrets."""

from amphv2_bootstrap.jobboards import board_errors
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.spec.secret import Secret

SECRETS = ("first-secret", "second-secret", "third-secret")
SETTINGS = BoardSettings(
    driver="redis",
    namespace="engine",
    hosts=("::1", "ctl1"),
    port=26379,
    password=Secret(SECRETS[0]),
    redis_sentinel="mymaster",
    redis_sentinel_password=Secret(SECRETS[1]),
    zookeeper_ssl={"keyfile_password": SECRETS[2]},
    database="mysql://user:third-secret@db/engine",
)


def test_no_secret_is_shown() -> None:
    """Neither the settings' text nor an error's holds a secret."""
    error = board_errors.unavailable(SETTINGS, "connect", ValueError(" ".join(SECRETS)))
    shown = f"{SETTINGS!r} {SETTINGS} {SETTINGS.place} {error!r} {error}"
    assert "ValueError" in shown
    assert not [secret for secret in SECRETS if secret in shown]


def test_place_of_the_board() -> None:
    """A message names the board, its servers and the Sentinel's master."""
    assert SETTINGS.servers == ("[::1]:26379", "ctl1:26379")
    assert SETTINGS.place == (
        "jobboard engine in redis at mymaster by Sentinel [::1]:26379,ctl1:26379"
    )
