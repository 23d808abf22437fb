# SPDX-License-Identifier: Apache-2.0
"""What a fail-over of Redis does to claims."""

from collections.abc import Iterator, Mapping
from typing import Any


def risks(replication: Mapping[str, Any], place: str) -> Iterator[str]:
    """Full sentences about a master that can be cut off and go on alone.

    :param replication: Redis' ``INFO replication``.
    """
    # Shown if, and only if, min-replicas-to-write and -max-lag are set.
    if "min_slaves_good_slaves" in replication:
        return
    if int(replication.get("connected_slaves", 0)):
        yield (
            f"The Redis of the {place} takes writes that no replica has: a conductor "
            "that is cut off together with the old master can renew its claims there "
            "until the network is whole. The database refuses its writes, but its "
            "step runs on. Set min-replicas-to-write 1 and min-replicas-max-lag 10 on "
            "all Redis servers."
        )
