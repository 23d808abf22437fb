# SPDX-License-Identifier: Apache-2.0
"""Seals: what conductors act on is what a controller wrote (promise P10).

An attacker with access to the engine's database can write any row. So a job, and what
its steps note as theirs, carries a seal under a key that only the controllers can
derive; the key itself is never stored.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any

from amphv2_bootstrap.engine.records import FlowRun, NewFlowRun


class Key:
    """Makes seals, and recognises its own.

    :param secret: 32 bytes that cannot be guessed.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, kind: str, *content: Any) -> str:
        """The seal of JSON-ready content; one ``kind`` is no other's."""
        text = json.dumps([kind, *content], sort_keys=True, separators=(",", ":"))
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def fits(self, seal: object, kind: str, *content: Any) -> bool:
        """Whether this key made the seal of just this content."""
        wanted = self.seal(kind, *content)
        return isinstance(seal, str) and hmac.compare_digest(
            seal.encode(), wanted.encode()
        )


def identities(flow_runs: Iterable[FlowRun]) -> list[list[Any]]:
    """What a job's seal says of its flow runs: all but their progress."""
    return sorted(identity(run.uuid, run) for run in flow_runs)


def identity(uuid: str, run: FlowRun | NewFlowRun) -> list[Any]:
    """What it says of one; without a limit, what a version before 0008 said."""
    limit = [] if run.at_once is None else [run.at_once]
    return [uuid, run.flow, run.stage, run.host, run.shape, *limit]
