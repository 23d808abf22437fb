# SPDX-License-Identifier: Apache-2.0
"""Metrics as Prometheus reads them, without a server between."""

from pathlib import Path

from amphv2_bootstrap.checks import last_success
from amphv2_bootstrap.engine.measures import Measures
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.web.metrics import Source, exposition
from tests.unit.engine.signs import beat
from tests.unit.engine.toys import Cloud
from tests.unit.web.requests import OWNER


def exposed(
    cloud: Cloud, measures: Measures | None = None, state_path: str = "/nonexistent"
) -> str:
    """The metrics of a conductor on this cloud."""
    source = Source(
        measures or Measures(), lambda: cloud.store, OWNER, "1.0", state_path
    )
    return exposition(source).decode()


def full(cloud: Cloud, folder: Path) -> str:
    """The metrics of a conductor that has done something, on a verified host."""
    owner = ProcessIdentity.parse(OWNER)
    assert owner is not None
    beat(cloud.database, owner)
    measures = Measures()
    measures.time_step("a", 0.3)
    last_success.note(str(folder))
    return exposed(cloud, measures, str(folder))
