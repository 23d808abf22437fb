# SPDX-License-Identifier: Apache-2.0
"""What happens to the control plane while a job runs; each ends with everything up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.lab import faults
from tests.lab.lab import HOSTS, Host
from tests.lab.play import Play
from tests.lab.relay import hosts_killed_in_turn

BOARDS = ("sql", "redis", "zookeeper", "etcd")
CUT = 60.0


def plain(play: Play) -> None:
    """Nothing happens."""
    play.post()
    play.wait_until_done()


def host_killed(play: Play) -> None:
    """The host in the middle of a step loses its power; later it comes back."""
    _lose(play, [play.lab.hosts[play.place.host]])


def two_hosts_killed(play: Play) -> None:
    """The same with a second host: the third one alone has no database."""
    others = [name for name in HOSTS if name != play.place.host]
    victims = [play.place.host, play.chance.choice(others)]
    with play.held():
        roles = [play.lab.hosts[victim].roles for victim in victims]
        play.note_fault(f"{' and '.join(roles)} are killed")
        for victim in victims:
            play.lab.hosts[victim].machine.power_off()
        play.spend(play.chance.uniform(5, 20))
    for victim in victims:
        play.lab.hosts[victim].start()
    play.wait_for_next_step()
    play.wait_until_done()


def all_hosts_killed(play: Play) -> None:
    """All hosts lose their power at once, and come back."""
    with play.held():
        play.note_fault("all hosts are killed")
        for host in play.lab.hosts.values():
            host.machine.power_off()
    for host in play.lab.hosts.values():
        host.start()
    play.wait_for_next_step()
    play.wait_until_done()


def _lose(play: Play, victims: Sequence[Host]) -> None:
    names = [host.name for host in victims]
    with play.held():
        play.note_fault(f"{' and '.join(host.roles for host in victims)} is killed")
        for host in victims:
            host.machine.power_off()
    if play.place.any_host:
        play.wait_for_next_step()
    if play.place.any_host and not play.have_turn(names):
        play.wait_until_done(without=names)
    else:  # the lost host keeps its turn: its Octavia may be out
        play.expect_others_to_wait(without=names)
    for host in victims:
        host.start()
    play.wait_until_done()


def host_cut(play: Play) -> None:
    """The host in the middle of a step is cut off for a minute.

    Its step goes on at once, or when the host is back: then it is fenced.
    """
    host = play.lab.hosts[play.place.host]
    late = play.chance.choice([False, True])
    with play.held():
        play.note_fault(f"{host.roles} is cut off, its step goes on {late=}")
        host.machine.cut()
        if late:
            play.spend(CUT)
    if play.place.any_host:
        play.wait_for_next_step(without=[host.name])
    play.spend(CUT - play.since_fault)
    host.machine.heal()
    play.wait_until_done()


def galera_restarted(play: Play) -> None:
    """All Galera nodes die; the most advanced one begins the cluster again."""
    with play.held():
        play.note_fault("all Galera nodes are killed")
        faults.kill_galera(play.lab, *HOSTS)
        play.spend(play.chance.uniform(2, 15))
        faults.begin_galera(play.lab)
    play.wait_for_next_step()
    play.wait_until_done()


def galera_failed_back(play: Play) -> None:
    """The writer's node restarts; sessions stay at the stand-in: two nodes get writes.

    HAProxy lacks on-marked-up shutdown-backup-sessions.
    """
    writer = HOSTS[0]
    with play.held():
        play.note_fault("the writer's Galera node is killed")
        faults.kill_galera(play.lab, writer)
        # Until each conductor has found the stand-in.
        play.spend(20)
        play.lab.hosts[writer].services["galera"].start()
        play.lab.wait_until_whole(writer)
        play.spend(5)  # until HAProxy has seen that
        # Its new connections go to the first node, those of the holder don't.
        other = next(name for name in HOSTS if name != play.place.host)
        faults.restart_conductor(play.lab, other)
        play.until(
            lambda: len(faults.writers(play.lab)) == 2, "two nodes are written to", 60
        )
    play.wait_for_next_step()
    play.wait_until_done()


def redis_moved(play: Play) -> None:
    """An operator moves the Redis master while a step runs, and then again."""
    with play.held():
        play.note_fault("the Redis master is moved")
        faults.move_redis(play.lab)
    play.wait_for_next_step()
    play.lab.wait_until_whole()
    faults.move_redis(play.lab)
    play.wait_until_done()


@dataclass(frozen=True)
class Scenario:
    """``act`` plays it; ``boards`` are those on which it makes sense.

    ``tells_times``: it prints a line for each of its faults itself.
    """

    act: Callable[[Play], None]
    boards: Sequence[str] = BOARDS
    fail_back_closes: bool = True
    tells_times: bool = False

    @property
    def name(self) -> str:
        return self.act.__name__.replace("_", "-")


ALL = {
    one.name: one
    for one in (
        Scenario(plain),
        Scenario(host_killed),
        Scenario(hosts_killed_in_turn, tells_times=True),
        Scenario(two_hosts_killed),
        Scenario(all_hosts_killed),
        Scenario(host_cut),
        Scenario(galera_restarted),
        Scenario(galera_failed_back, fail_back_closes=False),
        Scenario(redis_moved, boards=("redis",)),
    )
}
