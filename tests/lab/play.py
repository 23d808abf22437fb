# SPDX-License-Identifier: Apache-2.0
"""One job under faults: hold it in a step, wait for its next one, judge its history."""

import contextlib
import json
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from amphv2_bootstrap.engine.records import FlowState
from tests.faults import ledger
from tests.faults.cloud import told
from tests.faults.invariants import History, breaches
from tests.faults.ledger import BEGIN, Effect
from tests.lab.lab import HOSTS, UNREACHABLE, Host, Lab
from tests.lab.machine import now
from tests.lab.places import Place

_PAUSE = 0.3
_LONGEST = 400.0
_OTHERS_SECONDS = 20.0


@dataclass
class Play:
    """A job on a lab that is up. ``faults`` tells what was done, for people.

    ``next_step`` and ``done`` are seconds from the fault.
    """

    lab: Lab
    chance: random.Random
    place: Place
    job: str = ""
    posted_at: float = 0.0
    faults: list[str] = field(default_factory=list)
    fault_at: float = 0.0
    next_step: float | None = None
    done: float | None = None

    @property
    def effects(self) -> list[Effect]:
        """Those of this play; the lab may have seen others."""
        found = ledger.read(self.lab.ledger)
        return [effect for effect in found if effect.at >= self.posted_at]

    def history(self) -> History:
        """All that is known of the job."""
        with self.lab.store() as store:
            flow_runs = store.flow_runs_of(self.job)
            events = [event for _, event in store.events(self.job)]
        ids = [flow_run.uuid for flow_run in flow_runs]
        return History(ids, flow_runs, events, self.effects)

    def states(self) -> dict[tuple[str, str | None], FlowState]:
        """The state of each flow by its name and host; none while no node answers."""
        try:
            with self.lab.store() as store:
                found = store.flow_runs_of(self.job)
        except UNREACHABLE:
            return {}
        return {(one.flow, one.host): one.state for one in found}

    def post(self) -> None:
        """Post the job."""
        self.posted_at = now()
        self.job = json.loads(self.lab.cli("post-job", "-f", "json"))["id"]

    def until(
        self, condition: Callable[[], object], what: str, timeout: float = _LONGEST
    ) -> None:
        """Return when ``condition()`` is true."""
        deadline = now() + timeout
        while not condition():
            if now() > deadline:
                pytest.fail(f"waited {timeout:g} s in vain until {what}")
            time.sleep(_PAUSE)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Post a job; during the block a host waits at ``place``."""
        gate = self.lab.gates / self.place.gate
        gate.touch()
        others = [
            host for host in self.lab.hosts.values() if host.name != self.place.host
        ]
        try:
            try:
                for host in others:
                    host.services["conductor"].signal(signal.SIGSTOP)
                self.post()
                self.until(self._is_there, f"the step is at {self.place}", 120)
            finally:  # a host with stopped processes can't be switched off
                for host in others:
                    host.services["conductor"].signal(signal.SIGCONT)
            yield
        finally:
            gate.unlink()

    def _is_there(self) -> bool:
        return self.place.host in self.hosts_at(self.place)

    def hosts_at(self, place: Place) -> list[str]:
        """The hosts that have begun the step, the last one last.

        None while the gate is the start of a program, and that has not begun.
        """
        self._fail_if_parked(self.states())
        if place.program and f"begin {place.program} " not in self.lab.programs_begun:
            return []
        return [
            _host_of(effect)
            for effect in self.effects
            if (effect.verb, effect.step) == (BEGIN, place.step)
        ]

    @property
    def since_fault(self) -> float:
        return now() - self.fault_at

    def spend(self, seconds: float) -> None:
        """Let the fault last for so many seconds."""
        time.sleep(max(0.0, seconds))

    def note_fault(self, text: str) -> None:
        """Say what is done now; the first time is that of the fault."""
        self.fault_at = self.fault_at or now()
        self.faults.append(text)

    def begin_fault(self, text: str) -> None:
        """Say what is done now; times count from here."""
        self.fault_at, self.faults, self.next_step = 0.0, [], None
        self.note_fault(text)

    def conductors(self, host: str) -> set[str]:
        """The names of the host's conductors that can use the board, dead ones too."""
        try:
            with self.lab.store() as store:
                rows = store.conductors()
        except UNREACHABLE:
            return set()
        return {row.owner for row in rows if row.host == host and not row.board_error}

    def wait_for_next_step(self, without: Sequence[str] = ()) -> None:
        """Return when a host that isn't in ``without`` has begun a step."""

        def begun() -> list[float]:
            return [
                effect.at
                for effect in self.effects
                if effect.verb == BEGIN
                and effect.at > self.fault_at
                and _host_of(effect) not in without
            ]

        self.until(begun, "another host goes on")
        self.next_step = min(begun()) - self.fault_at

    def wait_until_done(self, without: Sequence[str] = ()) -> None:
        """Return when all flows are done, except those of the hosts ``without``."""

        def is_done() -> bool:
            states = self.states()
            self._fail_if_parked(states)
            left = [state for (_, host), state in states.items() if host not in without]
            return bool(left) and all(state is FlowState.DONE for state in left)

        self.until(is_done, "the job is done")
        self.done = self.since_fault if self.fault_at else None

    def have_turn(self, hosts: Sequence[str]) -> bool:
        """Whether the flow of one of these controllers has begun."""
        own = [state for (_, host), state in self.states().items() if host in hosts]
        return FlowState.RUNNING in own

    def expect_others_to_wait(self, without: Sequence[str]) -> None:
        """Return when some seconds went by in which no other host has begun."""
        allowed = (FlowState.DONE, FlowState.WAITING)
        end = time.monotonic() + _OTHERS_SECONDS
        while time.monotonic() < end:
            begun = {
                host: state
                for (flow, host), state in self.states().items()
                if flow == "controller" and host not in without
                if state not in allowed
            }
            assert not begun, f"begun while {', '.join(without)} is lost: {begun}"
            time.sleep(1.0)

    def _fail_if_parked(
        self, states: Mapping[tuple[str, str | None], FlowState]
    ) -> None:
        parked = [flow for flow, state in states.items() if state is FlowState.PARKED]
        if parked:
            pytest.fail(f"parked: {parked}")

    def check(self) -> None:
        """Fail unless every invariant holds and ``verify`` finds nothing wrong."""
        found = breaches(self.history())
        if found:
            pytest.fail("\n".join(found))
        self.lab.cli("verify", host=self.chance.choice(HOSTS))

    def line(self, scenario: str) -> str:
        """The measured times, as a line of JSON."""
        found = {
            "scenario": scenario,
            "board": self.lab.board + " TLS" * self.lab.tls,
            "place": f"{self.place.gate} on {self.place.host}",
            "what": "; ".join(self.faults),
            "next_step": self.next_step and round(self.next_step, 1),
            "done": self.done and round(self.done, 1),
        }
        return json.dumps(found)

    def explain(self) -> str:
        """All that helps to find out why a play failed."""
        lines = [f"{at:.3f} {text}" for at, text in [(self.fault_at, str(self.faults))]]
        with contextlib.suppress(*UNREACHABLE):
            lines.append(told(self.history()))
        for host in self.lab.hosts.values():
            lines.append(f"--- {host.name}, unready: {_unready(host)}\n{host.log()}")
        return "\n".join(lines)


def _host_of(effect: Effect) -> str:
    return effect.owner.partition(":")[0]


def _unready(host: Host) -> object:
    return host.unready() if host.machine.is_on else "switched off"
