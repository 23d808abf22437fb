# SPDX-License-Identifier: Apache-2.0
"""From a loaded configuration to plain values, checked altogether."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from oslo_config import cfg

from amphv2_bootstrap.adapters.octavia_python import find_python
from amphv2_bootstrap.conf.files import check_files
from amphv2_bootstrap.conf.own import EngineSettings, Own
from amphv2_bootstrap.conf.pace import conductor_settings, retry_policy
from amphv2_bootstrap.conf.problems import Problems, suggestion
from amphv2_bootstrap.conf.reading import read
from amphv2_bootstrap.conf.relations import check_relations
from amphv2_bootstrap.conf.target import Target
from amphv2_bootstrap.engine.settings import ConductorSettings
from amphv2_bootstrap.errors import InvalidInputError
from amphv2_bootstrap.spec.model import HostSettings, Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.tasks.base import RetryPolicy

FindPython = Callable[[Sequence[str]], str | None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """One host's configuration, valid as far as can be seen without acting.

    ``spec`` is the same on every controller that is configured alike; ``host``
    and ``secrets`` are this host's. ``warnings`` are full sentences for the
    operator: nothing is wrong yet.
    """

    spec: Spec
    host: HostSettings
    secrets: Secrets
    engine: EngineSettings
    conductor: ConductorSettings
    retry: RetryPolicy
    warnings: tuple[str, ...] = ()


def build(conf: cfg.ConfigOpts, *, find_python: FindPython = find_python) -> Loaded:
    """Check everything and return it; nothing is changed or connected to.

    Safe to call again, also with the same ``conf``.

    :param find_python: how Octavia's interpreter is found from the
        octavia-db-manage command, where it isn't configured.
    :raises InvalidInputError: with every problem at once. No secret is shown.
    """
    problems = Problems()
    check_files(conf, problems)
    values = read(conf, problems)
    target = Target(values["octavia"], values["DEFAULT"], problems)
    own = Own(values["task_flow"], values["DEFAULT"], problems)
    target.check()
    own.check()
    check_relations(target, own, problems)
    retry = retry_policy(values["conductor"], problems)
    problems.raise_if_any()
    return Loaded(
        spec=target.spec(),
        host=target.host_settings(find_python),
        secrets=target.secrets(),
        engine=own.settings(),
        conductor=conductor_settings(values["conductor"], own.expiry),
        retry=retry,
        warnings=tuple(problems.warnings),
    )


def choose_controllers(spec: Spec, names: Sequence[str]) -> Spec:
    """``spec`` for some of its controllers only, in the configured order.

    The hosts of the key-value backend stay: it is the cloud's, not theirs.

    :raises InvalidInputError: a name is unknown or given twice, or none is given.
    """
    found = []
    if not names:
        found.append("--controllers names no controller. Name one, or leave it out.")
    for name in dict.fromkeys(names):
        if name not in spec.controllers:
            found.append(
                f"--controllers names '{name}', which isn't among [octavia] "
                f"controllers{suggestion(name, list(spec.controllers))}. "
                f"Choose from {', '.join(spec.controllers)}."
            )
        if list(names).count(name) > 1:
            found.append(f"--controllers names '{name}' twice. Name each once.")
    if found:
        raise InvalidInputError(found)
    chosen = tuple(name for name in spec.controllers if name in names)
    return replace(spec, controllers=chosen)
