# SPDX-License-Identifier: Apache-2.0
"""What each flow consists of, for whoever posts it.

The flows themselves say the same, once all their tasks are loaded, with taskflow and
every adapter: ``post-job`` would take 2.0 s instead of 1.3 s. A test compares the two.
"""

from amphv2_bootstrap.spec.outline import Atom, Outline


def _outline(flow: str, *steps: str) -> Outline:
    return Outline(flow, tuple(map(Atom, steps)))


LOOK = "look"
KEY_VALUE_HOST = _outline("key-value-host", "install-key-value-host")
CLOUD = _outline(
    "cloud",
    "check-prerequisites",
    "ensure-key-value-backend",
    "ensure-database",
    "ensure-database-accounts",
    "upgrade-persistence-schema",
    "prove-jobboard",
    "release-controllers",
)
CONTROLLER = _outline(
    "controller",
    "ensure-client-library",
    "await-idle-octavia",
    "write-octavia-configuration",
    "check-effective-configuration",
    "restart-octavia-services",
    "prove-controller",
)
_CHANGING = (KEY_VALUE_HOST, CLOUD, CONTROLLER)
PLANS = {each.flow: _outline(f"plan-{each.flow}", LOOK) for each in _CHANGING}
"""The flow that looks at the steps of another one, by that one's name."""
OUTLINES = {each.flow: each for each in (*_CHANGING, *PLANS.values())}
