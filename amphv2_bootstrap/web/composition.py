# SPDX-License-Identifier: Apache-2.0
"""Makes the status page of one conductor from its configuration."""

from collections.abc import Callable
from importlib import metadata

from amphv2_bootstrap.conf.build import Loaded
from amphv2_bootstrap.engine.measures import MEASURES
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.web.application import Application
from amphv2_bootstrap.web.health import Pulse
from amphv2_bootstrap.web.metrics import Source
from amphv2_bootstrap.web.server import StatusPage


def status_page(
    loaded: Loaded, store: Callable[[], Store], pulse: Pulse, owner: str
) -> StatusPage:
    """The page, not yet served.

    :param store: the engine's database; raises while it is away.
    """
    assert loaded.http is not None  # noqa: S101 - the caller has looked
    version = metadata.version("amphv2-bootstrap")
    state_path = loaded.host.state_path
    source = Source(MEASURES, store, owner, version, state_path)
    return StatusPage(Application(loaded.http, store, pulse, source), loaded.http)
