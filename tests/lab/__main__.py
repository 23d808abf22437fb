# SPDX-License-Identifier: Apache-2.0
"""The commands of ``tools/lab.sh``; and ``play``, with which the tests start a play."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab import control, faults, scenarios
from tests.lab.lab import HOSTS, Lab, LabError
from tests.lab.play import Place, Play

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
    play.add_argument("scenario", choices=sorted(scenarios.ALL))
    play.add_argument("board", choices=boards)
    play.add_argument("seed")
    play.add_argument("--step", dest="steps", action="append", choices=scenarios.STEPS)
    play.add_argument("--each-step", action="store_true")
    play.add_argument("--tls", action="store_true")
    return parser


def _play(arguments: argparse.Namespace) -> None:
    scenario = scenarios.ALL[arguments.scenario]
    chance = random.Random(f"{arguments.seed} {scenario.name} {arguments.board}")
    steps: Sequence[str] = arguments.steps or [chance.choice(scenarios.STEPS)]
    if arguments.each_step:
        steps = scenarios.STEPS
    folder = Path(tempfile.mkdtemp(prefix="amphv2-lab-"))
    lab = Lab(folder, arguments.board, scenario.fail_back_closes, arguments.tls)
    try:
        lab.up()
        for step in steps:
            _round(lab, scenario, chance, scenarios.place(chance, step))
    finally:
        lab.down()
        shutil.rmtree(folder, ignore_errors=True)


def _round(
    lab: Lab, scenario: scenarios.Scenario, chance: random.Random, place: Place
) -> None:
    """Play one round; print its times, or all that is known of a failure."""
    played = Play(lab, chance, place)
    faults.reset(lab)
    try:
        scenario.act(played)
        lab.wait_until_whole()
        played.check()
    except BaseException:
        print(played.explain(), flush=True)
        raise
    print(played.line(scenario.name), flush=True)


if __name__ == "__main__":
    sys.exit(main())
