# SPDX-License-Identifier: Apache-2.0
"""One job, in which whoever is at a step loses its power: at every step in its turn."""

from dataclasses import replace
from pathlib import Path

from tests.lab.lab import Host
from tests.lab.places import STEPS, Place, place
from tests.lab.play import Play


def hosts_killed_in_turn(play: Play) -> None:
    """At each step the host that is there is killed; it is back before the next one."""
    places = [place(play.chance, step) for step in STEPS]
    for each in places:
        _gate(play, each).touch()
    play.post()
    for here in places:
        play.until(lambda here=here: play.hosts_at(here), f"a host is at {here}")  # type: ignore[misc]
        play.place = replace(here, host=play.hosts_at(here)[-1])
        _kill(play, play.lab.hosts[play.place.host])
        print(play.line("hosts-killed-in-turn"), flush=True)
    play.wait_until_done()


def _gate(play: Play, where: Place) -> Path:
    return play.lab.gates / where.gate


def _kill(play: Play, host: Host) -> None:
    """Kill the host; return when another goes on and the host is back.

    The flow of a controller goes on when its host is back, and no other one begins.
    """
    play.begin_fault(f"{host.roles} is killed")
    before = play.conductors(host.name)
    host.machine.power_off()
    _gate(play, play.place).unlink()
    if play.place.any_host:
        play.wait_for_next_step(without=[host.name])
    else:
        play.expect_others_to_wait(without=[host.name])
    host.start()
    play.lab.wait_until_whole()
    if not play.place.any_host:
        play.wait_for_next_step()
    play.until(
        lambda: play.conductors(host.name) - before, f"{host.name} has a conductor"
    )
