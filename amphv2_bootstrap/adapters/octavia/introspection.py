# SPDX-License-Identifier: Apache-2.0
"""What Octavia's own Python says: its versions, its libraries, its configuration.

Its packages are read from the disk where :mod:`site` finds them; otherwise, and for
what only it can tell, :mod:`programs.answering` runs in that Python. Octavia's
configuration is loaded by our own oslo.config with the options of its release, or
there, where our table can't be sure of them. Where Octavia isn't installed as Python
(containers), the newest release of the table stands for it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oslo_config import cfg

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.octavia import conf_file, program_runner, site
from amphv2_bootstrap.adapters.octavia.programs import facts
from amphv2_bootstrap.adapters.octavia.programs.options import GROUP, files_of, load
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.octavia_options import TASK_FLOW_OPTIONS, TaskFlowOption
from amphv2_bootstrap.spec.octavia_releases import options_of, release_of

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


def versions(python: str) -> dict[str, str | None]:
    """Versions of octavia, taskflow and oslo.config there; None where not installed.

    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    return dict(_installed(python)["versions"])


def _installed(python: str) -> dict[str, Any]:
    """See :func:`programs.facts.installed`."""
    folder = site.site_packages(python)
    found = facts.installed([str(folder)]) if folder else None
    if found and all(found["versions"].values()):
        return found
    return _ask(python, {"ask": "installed"})


def revisions(python: str) -> tuple[str, ...]:
    """The revisions of the persistence schema of the taskflow there, in order.

    Empty where it can't tell, or can't be asked.
    """
    folder = site.site_packages(python)
    found = site.revisions(folder) if folder else ()
    try:
        return found or tuple(_ask(python, {"ask": "revisions"})["revisions"])
    except PermanentError:
        return ()


def can_import_driver(python: str, driver: str) -> tuple[bool, str]:
    """Whether Octavia can load its jobboard driver: redis, zookeeper or etcd.

    It imports what Octavia would import: versions alone don't tell, since
    Octavia's requirements allow clients that are too old for its taskflow.
    The text is the reason where it can't.

    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    missing = _ask(python, {"ask": "import", "modules": _MODULES[driver]})["missing"]
    return missing is None, missing or ""


def effective_task_flow(python: str | None, sources: Sequence[str]) -> dict[str, Any]:
    """The values of ``[task_flow]`` by option, as Octavia would load them.

    Lists and dicts are as oslo.config types them. The result holds secrets.

    :raises PermanentError: as :func:`load_task_flow`, or a value is invalid.
    """
    loaded = load_task_flow(python, sources)
    if loaded.invalid:
        raise _unreadable(sources, f"wrong value of {', '.join(loaded.invalid)}")
    return dict(loaded.values)


def load_task_flow(python: str | None, sources: Sequence[str]) -> TaskFlow:
    """Load the files with the options that the Octavia of ``python`` has.

    :param python: None takes the newest release that our table has.
    :param sources: as :func:`.config_sources.sources` gives them.
    :raises PermanentError: the file can't be parsed or read, or ``python`` can't
        be run or has no Octavia.
    """
    if python is None:
        answer = _load(TASK_FLOW_OPTIONS, sources)
    else:
        answer = _load_by_release(python, sources) or _ask(
            python, {"ask": "task_flow", "sources": list(sources)}
        )
    if "error" in answer:
        raise _unreadable(sources, answer["error"])
    return TaskFlow(answer["values"], answer["defaults"], answer["invalid"])


def _load_by_release(python: str, sources: Sequence[str]) -> dict[str, Any] | None:
    """With our table's options; None where only Octavia itself can be sure."""
    if not site.is_binary(python):
        return None
    found = _installed(python)
    release = release_of(found["versions"]["octavia"] or "") if found["exact"] else None
    if release is None:
        return None
    options = options_of(release)
    answer = _load(options, sources)
    if "error" not in answer and (answer["outside"] or _has_more(sources, options)):
        return None
    return answer


def _load(options: Sequence[TaskFlowOption], sources: Sequence[str]) -> dict[str, Any]:
    conf, opts = cfg.ConfigOpts(), [_option(each) for each in options]
    conf.register_opts(opts, group=GROUP)
    return load(list(sources), conf, opts)


def _has_more(sources: Sequence[str], options: Sequence[TaskFlowOption]) -> bool:
    """Whether a file sets an option that isn't among these, or has changed since."""
    known = {option.name for option in options}
    try:
        texts = [Path(file).read_bytes() for file in files_of(sources)]
        return any(conf_file.get_options(text, GROUP).keys() - known for text in texts)
    except (OSError, ValueError):
        return True


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
