# SPDX-License-Identifier: Apache-2.0
"""The options of a key-value backend, which ``[octavia]`` and ``[task_flow]`` share."""

from amphv2_bootstrap.conf.hosts import check_hosts
from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.conf.tls import check_tls
from amphv2_bootstrap.spec.octavia_options import DEFAULT_PORTS
from amphv2_bootstrap.spec.task_flow_group import Group
from amphv2_bootstrap.spec.task_flow_rules import traps


def check_backend(
    name: str, group: Group, problems: Problems, *, files_here: bool = True
) -> None:
    """Collect everything that is wrong with the jobboard options of a group.

    :param name: the group's name in amphv2-bootstrap.conf.
    :param files_here: whether the TLS files must be on this host.
    """
    if group.driver in DEFAULT_PORTS:
        hosts = problems.of(name, "jobboard_backend_hosts")
        check_hosts(hosts, group.hosts)
    for option, value in group.tls():
        check_tls(problems.of(name, option.name), option, value, here=files_here)
    for trap in traps(group):
        place = problems.of(name, trap.option)
        note = place.warn if trap.severity == "warning" else place.add
        note(trap.what, trap.todo)
