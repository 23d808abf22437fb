# SPDX-License-Identifier: Apache-2.0
"""What happens to the control plane while a job runs; each ends with everything up."""

from collections.abc import Callable

from tests.lab.lab import HOSTS
from tests.lab.play import Play

Scenario = Callable[[Play], None]

CLOUD_STEPS = (
    "check-prerequisites",
    "ensure-key-value-backend",
    "ensure-database",
    "ensure-database-accounts",
    "upgrade-persistence-schema",
    "prove-jobboard",
    "release-controllers",
)
CONTROLLER_STEPS = (
    "ensure-client-library",
    "write-octavia-configuration",
    "check-effective-configuration",
    "restart-octavia-services",
    "prove-controller",
)


def plain(play: Play) -> None:
    """Nothing happens."""
    play.post()
    play.wait_until_done()


def _place(play: Play) -> tuple[str, str]:
    """A gate and its step, at random: before its work, after it, or in its program."""
    step = play.chance.choice((*CLOUD_STEPS, *CONTROLLER_STEPS))
    gates = [f"before-{step}", f"after-{step}"]
    if step == "upgrade-persistence-schema":
        gates.append("gate-db-manage")
    return play.chance.choice(gates), step


def host_killed(play: Play) -> None:
    """The host in the middle of a step loses its power; later it comes back."""
    gate, step = _place(play)
    victim = play.lab.hosts[play.chance.choice(HOSTS)]
    with play.held(victim.name, gate, step):
        play.note_fault(f"{victim.name} is killed at {gate}")
        victim.machine.power_off()
    if step in CLOUD_STEPS:
        play.wait_for_next_step()
    play.wait_until_done(without=[victim.name])
    victim.start()
    play.wait_until_done()


ALL: dict[str, Scenario] = {"plain": plain, "host-killed": host_killed}
