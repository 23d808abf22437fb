# SPDX-License-Identifier: Apache-2.0
"""From a loaded configuration to plain values, all of them checked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from oslo_config import cfg

from amphv2_bootstrap.adapters.octavia.interpreter import find_python
from amphv2_bootstrap.conf.conductor_settings import conductor_settings, retry_policy
from amphv2_bootstrap.conf.cross_checks import check_relations
from amphv2_bootstrap.conf.engine_settings import EngineSettings, Own
from amphv2_bootstrap.conf.files import check_files
from amphv2_bootstrap.conf.http.settings import HttpSettings, http_settings
from amphv2_bootstrap.conf.octavia_settings import Target
from amphv2_bootstrap.conf.problems import Problems, suggestion
from amphv2_bootstrap.conf.reading import read
from amphv2_bootstrap.engine.conductor.settings import ConductorSettings
from amphv2_bootstrap.spec.model import HostSettings, Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.retry_policy import RetryPolicy

FindPython = Callable[[Sequence[str]], str | None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """One host's configuration, checked as far as possible without contacting anything.

    ``spec`` is the same on every controller that is configured alike; ``host``,
    ``secrets`` and ``http`` are this host's. ``persistence_from`` says where
    ``spec.persistence`` was found, empty if that was configured. ``warnings`` are full
    sentences for the operator.
    """

    spec: Spec
    host: HostSettings
    secrets: Secrets
    engine: EngineSettings
    conductor: ConductorSettings
    retry: RetryPolicy
    http: HttpSettings | None = None
    persistence_from: str = ""
    warnings: tuple[str, ...] = ()


def build(
    conf: cfg.ConfigOpts,
    *,
    controllers: Sequence[str] | None = None,
    find_python: FindPython = find_python,
) -> Loaded:
    """Check everything and return it; changes and contacts nothing.

    Safe to call again, also with the same ``conf``.

    :param controllers: limits the specification to these controllers, as the argument
        ``--controllers`` does; None means all that are configured.
    :param find_python: finds Octavia's interpreter from the octavia-db-manage command,
        if it isn't configured.
    :raises InvalidInputError: with every problem at once, without secrets.
    """
    problems = Problems()
    check_files(conf, problems)
    values = read(conf, problems)
    target = Target(values["octavia"], values["DEFAULT"], problems)
    count = len(target.controllers)
    own = Own(values["task_flow"], values["DEFAULT"], count, problems)
    target.check()
    own.check()
    check_relations(target, own, problems)
    retry = retry_policy(values["conductor"], problems)
    http = http_settings(values["conductor"], problems)
    if controllers is not None:
        for sentence in _refused_choice(controllers, target.controllers):
            problems.say(sentence)
    problems.raise_if_any()
    return Loaded(
        spec=_of_some(target.spec(), controllers),
        host=target.host_settings(find_python),
        secrets=target.secrets(),
        engine=own.settings(),
        conductor=conductor_settings(values["conductor"], own.expiry),
        retry=retry,
        http=http,
        persistence_from=target.persistence_from,
        warnings=tuple(problems.warnings),
    )


def _refused_choice(names: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    """What is wrong with the names in ``--controllers``, in full sentences."""
    if not names:
        yield (
            "--controllers names no controller (an empty variable?). Name one, or "
            "leave it out to take all of them."
        )
    for name in dict.fromkeys(names):
        if not name:
            yield "--controllers has an empty name. Write single commas between names."
        elif name not in known:
            yield (
                f"--controllers names '{name}', which isn't among [octavia] "
                f"controllers{suggestion(name, list(known))}. "
                f"Choose from {', '.join(known)}."
            )
        elif list(names).count(name) > 1:
            yield f"--controllers names '{name}' twice. Name each once."


def _of_some(spec: Spec, names: Sequence[str] | None) -> Spec:
    """``spec`` for some of its controllers only, in the configured order.

    The hosts of the key-value backend stay: the backend serves the whole cloud.
    """
    if names is None:
        return spec
    chosen = tuple(name for name in spec.controllers if name in names)
    return replace(spec, controllers=chosen)
