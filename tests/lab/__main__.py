# SPDX-License-Identifier: Apache-2.0
"""The commands of ``tools/lab.sh``; and ``play``, with which the tests start a play."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import pytest

from tests.lab import control, faults, scenarios
from tests.lab.lab import HOSTS, Lab, LabError
from tests.lab.places import STEPS, place
from tests.lab.play import Play

_VERBS = {
    "kill": "switch a host off; no other host hears of it",
    "cut": "drop all packets from and to a host",
    "heal": "let packets pass again",
    "start": "switch a host on",
}


def main() -> int:
    """Do what the arguments say; 0 if that worked."""
    arguments = _parser().parse_args()
    verb = arguments.verb
    try:
        if verb == "up":
            print(control.up(arguments.board, tls=arguments.tls))
        elif verb == "down":
            print(control.down())
        elif verb == "serve":
            _end_on_signals()
            control.serve(arguments.board, tls=arguments.tls)
        elif verb == "play":
            _end_on_signals()
            _play(arguments)
        else:
            more = getattr(arguments, "arguments", ())
            print(control.ask(verb, getattr(arguments, "host", ""), *more))
    except LabError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


def _end_on_signals() -> None:
    """The first process of a pid namespace gets no signal that it doesn't handle."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab")
    verbs = parser.add_subparsers(dest="verb", required=True)
    boards = scenarios.BOARDS
    up = verbs.add_parser("up", help="start three hosts; end a lab that is there")
    up.add_argument("--board", choices=boards, default="sql", help="the jobboard")
    up.add_argument("--tls", action="store_true", help="TLS to all servers")
    verbs.add_parser("status", help="say which hosts serve")
    for name, text in _VERBS.items():
        verbs.add_parser(name, help=text).add_argument("host", choices=HOSTS)
    run = verbs.add_parser("run", help="run amphv2-bootstrap on a host")
    run.add_argument("host", choices=HOSTS)
    run.add_argument("arguments", nargs=argparse.REMAINDER)
    verbs.add_parser("down", help="end the lab")
    serve = verbs.add_parser("serve")
    serve.add_argument("board", choices=boards)
    serve.add_argument("--tls", action="store_true")
    play = verbs.add_parser("play")
    play.add_argument("board", choices=boards)
    play.add_argument("seed")
    play.add_argument("scenarios", nargs="+", choices=sorted(scenarios.ALL))
    play.add_argument("--step", choices=STEPS, help="where; by default at random")
    play.add_argument("--tls", action="store_true")
    return parser


def _play(arguments: argparse.Namespace) -> None:
    """Play the scenarios on one lab; begin a new one after each that failed."""
    left = [scenarios.ALL[name] for name in arguments.scenarios]
    failed = False
    while left:
        folder = Path(tempfile.mkdtemp(prefix="amphv2-lab-"))
        scenario = left.pop(0)
        closes = scenario.fail_back_closes
        lab = Lab(folder, arguments.board, closes, arguments.tls)
        try:
            lab.up()
            _round(lab, scenario, arguments.seed, arguments.step)
            while left and left[0].fail_back_closes == closes:
                _round(lab, left.pop(0), arguments.seed, arguments.step)
        except (AssertionError, LabError, pytest.fail.Exception):
            traceback.print_exc()
            failed = True
        finally:
            lab.down()
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(failed)


def _round(lab: Lab, scenario: scenarios.Scenario, seed: str, step: str | None) -> None:
    """Play one; print its times, or all that is known of a failure."""
    chance = random.Random(f"{seed} {scenario.name} {lab.board}")
    where = place(chance, step or chance.choice(STEPS))
    played = Play(lab, chance, where)
    faults.reset(lab)
    try:
        scenario.act(played)
        lab.wait_until_whole()
        played.check()
    except BaseException:
        print(played.explain(), flush=True)
        raise
    if not scenario.tells_times:
        print(played.line(scenario.name), flush=True)


if __name__ == "__main__":
    sys.exit(main())
