# SPDX-License-Identifier: Apache-2.0
"""Checks of lists of hosts: names or addresses, without ports and quotes."""

import re
from collections.abc import Sequence

from amphv2_bootstrap.conf.problems import OptionProblems
from amphv2_bootstrap.spec.task_flow_rules import ADDRESS_6

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_WITH_PORT = re.compile(r"(\[[^]]*\]|[^:]+):[0-9]+")
_LIST = "Write {} with commas between them, without quotes"


def check_names(problems: OptionProblems, names: Sequence[str]) -> None:
    """Check that each is a host's name, and none is repeated."""
    for name in names:
        if not name:
            problems.add("has an empty entry", _LIST.format("names"))
        elif not _NAME.fullmatch(name):
            what = "has an entry that isn't a host's name"
            problems.add(what, _LIST.format("names"))
    check_unique(problems, names)


def check_hosts(problems: OptionProblems, hosts: Sequence[str]) -> None:
    """Check ``jobboard_backend_hosts``: names, or addresses with or without []."""
    if not hosts:
        todo = "Name the hosts of the key-value backend, or of Sentinel"
        problems.add("is not set", todo)
    check_unique(problems, hosts)
    for host in hosts:
        if not host:
            problems.add("has an empty entry", "Remove the extra comma")
        elif ADDRESS_6.fullmatch(host.removeprefix("[").removesuffix("]")):
            continue
        elif _WITH_PORT.fullmatch(host):
            todo = "Write hosts only, and the port in jobboard_backend_port"
            problems.add(f"has '{host}', a host with a port", todo)
        elif not _NAME.fullmatch(host):
            what = "has an entry that is neither a host name nor an address"
            problems.add(what, _LIST.format("names or addresses"))


def check_unique(problems: OptionProblems, names: Sequence[str]) -> None:
    """Check that no name is repeated, in whatever letters."""
    lower = [name.lower() for name in names]
    twice = sorted({name for name in names if name and lower.count(name.lower()) > 1})
    if twice:
        problems.add(f"names {', '.join(twice)} more than once", "Name each once")
