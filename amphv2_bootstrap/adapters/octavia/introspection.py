# SPDX-License-Identifier: Apache-2.0
"""What Octavia's own Python says: its versions, its libraries, its configuration.

The questions are put by :mod:`programs.answering`, a program that runs in
that Python. Its configuration is loaded there too, or by our own oslo.config with
Octavia's definitions of the options, once they are remembered. Where Octavia isn't
installed as Python (containers), our own table of Octavia's options stands for them.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.octavia import program_runner
from amphv2_bootstrap.adapters.octavia.memory import Memory
from amphv2_bootstrap.adapters.octavia.programs import options as octavia_options
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.octavia_options import TASK_FLOW_OPTIONS, TaskFlowOption

_TIMEOUT = 120.0
_BACKENDS = "taskflow.jobs.backends"
_MODULES = {
    # Octavia imports kazoo_utils too, and makes ZooKeeper's client by it.
    "redis": (f"{_BACKENDS}.impl_redis",),
    "zookeeper": (f"{_BACKENDS}.impl_zookeeper", "taskflow.utils.kazoo_utils"),
    "etcd": (f"{_BACKENDS}.impl_etcd",),
}
_OPTIONS: Mapping[str, type[cfg.Opt]] = {
    "str": cfg.StrOpt,
    "int": cfg.IntOpt,
    "port": cfg.PortOpt,
    "bool": cfg.BoolOpt,
    "list": cfg.ListOpt,
    "dict": cfg.DictOpt,
}


@dataclass(frozen=True, slots=True)
class TaskFlow:
    """The ``[task_flow]`` group as Octavia would load it; ``values`` hold secrets.

    ``defaults`` has every option that this Octavia knows. ``invalid`` gives the
    reason for each option whose value Octavia would refuse, without secrets.
    """

    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    invalid: Mapping[str, str]


def versions(python: str, state_path: str | None = None) -> dict[str, str | None]:
    """Versions of octavia, taskflow and oslo.config there; None where not installed.

    :param state_path: where an answer is remembered that still holds; see
        :mod:`memory`. It is asked anew without one.
    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    return dict(_facts(python, state_path)["versions"])


def revisions(python: str, state_path: str | None = None) -> tuple[str, ...]:
    """The revisions of the persistence schema of the taskflow there, in order.

    Empty where it can't tell, or can't be asked.

    :param state_path: as in :func:`versions`.
    """
    try:
        return tuple(_facts(python, state_path)["revisions"])
    except PermanentError:
        return ()


def _facts(python: str, state_path: str | None) -> dict[str, Any]:
    memory, asked = Memory(python, state_path), time.time()
    known = memory.recall("facts")
    if known is not None:
        return known
    answer = _ask(python, {"ask": "facts"})
    if answer["revisions"]:
        memory.keep("facts", answer, asked)
    return answer


def can_import_driver(
    python: str, driver: str, state_path: str | None = None
) -> tuple[bool, str]:
    """Whether Octavia can load its jobboard driver: redis, zookeeper or etcd.

    It imports what Octavia would import: versions alone don't tell, since
    Octavia's requirements allow clients that are too old for its taskflow.
    The text is the reason where it can't.

    :param state_path: as in :func:`versions`; that it can is remembered.
    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    memory, asked = Memory(python, state_path), time.time()
    if memory.recall(driver) is not None:
        return True, ""
    answer = _ask(python, {"ask": "import", "modules": _MODULES[driver]})
    if answer["missing"] is None:
        memory.keep(driver, answer, asked)
    return answer["missing"] is None, answer["missing"] or ""


def effective_task_flow(
    python: str | None, sources: Sequence[str], state_path: str | None = None
) -> dict[str, Any]:
    """The values of ``[task_flow]`` by option, as Octavia would load them.

    Lists and dicts are as oslo.config types them. The result holds secrets.

    :raises PermanentError: as :func:`load_task_flow`, or a value is invalid.
    """
    loaded = load_task_flow(python, sources, state_path)
    if loaded.invalid:
        raise _unreadable(sources, f"wrong value of {', '.join(loaded.invalid)}")
    return dict(loaded.values)


def load_task_flow(
    python: str | None, sources: Sequence[str], state_path: str | None = None
) -> TaskFlow:
    """Load the files with the options of Octavia's Python, or without one of our table.

    :param sources: as :func:`amphv2_bootstrap.adapters.octavia.config_sources.sources`
        gives
        them.
    :param state_path: as in :func:`versions`; the options' definitions are remembered.
    :raises PermanentError: the file can't be parsed or read, or ``python`` can't
        be run or has no Octavia.
    """
    if python is None:
        answer = _load([_option(each) for each in TASK_FLOW_OPTIONS], sources)
    else:
        answer = _load_as_octavia(python, sources, state_path)
    if "error" in answer:
        raise _unreadable(sources, answer["error"])
    return TaskFlow(answer["values"], answer["defaults"], answer["invalid"])


def _load(options: list[cfg.Opt], sources: Sequence[str]) -> dict[str, Any]:
    conf = octavia_options.registered(options)
    return octavia_options.load(list(sources), conf, options)


def _load_as_octavia(
    python: str, sources: Sequence[str], state_path: str | None
) -> dict[str, Any]:
    """Here, if its options are remembered, and no value needs those of other groups."""
    memory, asked = Memory(python, state_path), time.time()
    options = _defined(memory.recall("options"))
    if options and not octavia_options.refers(list(sources)):
        return _load(options, sources)
    answer = _ask(python, {"ask": "task_flow", "sources": list(sources)})
    if answer.get("definitions"):
        told = {name: answer[name] for name in ("definitions", "seen")}
        memory.keep("options", told, asked)
    return answer


def _defined(known: Mapping[str, Any] | None) -> list[cfg.Opt] | None:
    """The remembered options; None where another version of us wrote them."""
    if known is None:
        return None
    try:
        return octavia_options.defined(known["definitions"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _option(option: TaskFlowOption) -> cfg.Opt:
    settings: dict[str, Any] = {"default": option.default, "secret": option.secret}
    if isinstance(option.default, tuple):
        settings["default"] = list(option.default)
    if option.kind in ("int", "port"):
        settings.update(min=option.minimum, max=option.maximum)
    elif option.choices:
        settings["choices"] = option.choices
    return _OPTIONS[option.kind](option.name, **settings)


def _unreadable(sources: Sequence[str], why: str) -> PermanentError:
    return PermanentError(
        "load Octavia's configuration",
        on=" with ".join(sources),
        why=why,
        todo="Correct the file; Octavia's services can't start with it either.",
    )


def _ask(python: str, request: Mapping[str, Any]) -> dict[str, Any]:
    done = commands.run(
        program_runner.command(python, "answering"),
        timeout=_TIMEOUT,
        stdin=json.dumps(request),
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        # Its output isn't told: it may be the configuration.
        why = f"it ended with {done.returncode} and without an answer"
        raise _unusable(python, why)
    if request["ask"] != "task_flow" and "error" in answer:
        raise _unusable(python, answer["error"])
    return answer


def _unusable(python: str, why: str) -> PermanentError:
    return PermanentError(
        "ask Octavia's Python",
        on=python,
        why=why,
        todo="Check the [octavia] python option: it must be Octavia's interpreter.",
    )
