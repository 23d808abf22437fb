# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest

from amphv2_bootstrap.jobboards.etcd.members import member_seconds
from amphv2_bootstrap.jobboards.settings import BoardSettings

ALONE = BoardSettings(driver="etcd", namespace="test", expiry=10.0)
THREE = dataclasses.replace(ALONE, hosts=("ctl1", "ctl2", "ctl3"))


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        (ALONE, 2.5),
        (THREE, 1.25),
        (dataclasses.replace(THREE, expiry=5.0), 1.0),
        (dataclasses.replace(THREE, expiry=60.0), 2.5),
        (dataclasses.replace(THREE, etcd_timeout=2), 2),
    ],
)
def test_several_members_get_less_time_each(
    settings: BoardSettings, seconds: float
) -> None:
    """A silent member leaves time to ask another one, but at least a second passes."""
    assert member_seconds(settings) == seconds
