# SPDX-License-Identifier: Apache-2.0
"""Reads versions, libraries and configuration of Octavia's own Python.

If :mod:`site` finds its packages, they are read from the disk. Otherwise
:mod:`programs.answering` runs in that Python. Our oslo.config loads Octavia's
configuration with the options of its release; if our table may be wrong for it,
Octavia's Python loads it. If Octavia has no Python here (containers), the newest
release of the table is assumed.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from amphv2_bootstrap.adapters.host import commands, durable_file, no_follow
from amphv2_bootstrap.adapters.octavia import conf_file, program_runner, site
from amphv2_bootstrap.adapters.octavia.interpreter import carried
from amphv2_bootstrap.adapters.octavia.meaning import oslo_option
from amphv2_bootstrap.adapters.octavia.program_runner import Cause
from amphv2_bootstrap.adapters.octavia.programs.loading import MODULES
from amphv2_bootstrap.adapters.octavia.programs.options import (
    GROUP,
    are_partly_inside,
    files_of,
    load,
)
from amphv2_bootstrap.errors import BootstrapError, PermanentError
from amphv2_bootstrap.spec.masking import Masker, passwords_in
from amphv2_bootstrap.spec.octavia_options import TASK_FLOW_OPTIONS, TaskFlowOption
from amphv2_bootstrap.spec.octavia_releases import options_of, release_of
from amphv2_bootstrap.spec.task_flow_group import uses_tls
from amphv2_bootstrap.spec.task_flow_tls import KAZOO_WITHOUT_TLS

_TIMEOUT = 120.0
_FRESH_SECONDS = 60.0

_imported: dict[tuple[str, str, str | None], tuple[int, float]] = {}
"""What could be imported, as :func:`site.last_change` was then, and when."""

API_GROUP = "api_settings"
DEFAULT_PROVIDER = cfg.StrOpt("default_provider_driver", default="amphora")
ENABLED_PROVIDERS = cfg.DictOpt(
    "enabled_provider_drivers",
    default={
        "amphora": "The Octavia Amphora driver.",
        "octavia": "Deprecated alias of the Octavia Amphora driver.",
    },
)
"""As all releases from ussuri to 19 declare them."""


@dataclass(frozen=True, slots=True)
class TaskFlow:
    """The ``[task_flow]`` group as Octavia loads it; ``values`` hold secrets.

    ``defaults`` has every option of this Octavia. ``invalid`` has the reason for each
    option with a value that Octavia refuses, without secrets.
    """

    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    invalid: Mapping[str, str]


def versions(python: str) -> dict[str, str | None]:
    """Versions of octavia, taskflow and oslo.config; None for one not installed.

    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    return dict(site.installed(python)["versions"])


def trap_versions(python: str) -> dict[str, str]:
    """The versions on which a ``ReleaseTrap`` depends, without unknown ones.

    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    found = site.installed(python)
    known = {**found["versions"], "kazoo": found["kazoo"]}
    return {name: version for name, version in known.items() if version}


def release(python: str) -> int | None:
    """The major release, if our table has its options; None if that is not sure.

    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    found = site.installed(python)
    version = found["versions"]["octavia"] if found["exact"] else None
    return release_of(version) if version else None


def place(python: str) -> str | None:
    """The folder of Octavia's package; None if it isn't installed.

    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    found: str | None = site.installed(python)["place"]
    return found


def providers(python: str) -> dict[str, str]:
    """What implements each provider driver of Octavia's own, by the driver's name.

    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    return dict(site.installed(python)["providers"])


def revisions(python: str) -> tuple[str, ...]:
    """The revisions of the persistence schema of that Python's taskflow, in order.

    Empty if they can't be found.
    """
    folder = site.site_packages(python)
    found = site.revisions(folder) if folder else ()
    try:
        return found or tuple(
            program_runner.ask(python, {"ask": "revisions"})["revisions"]
        )
    except PermanentError:
        return ()


def can_import_driver(
    python: str, driver: str, user: str | None = None
) -> tuple[bool, str]:
    """Whether Octavia can load its jobboard driver, and the reason if it can't.

    Imports what Octavia imports: Octavia's requirements allow client versions that
    are too old for its taskflow, so versions alone prove nothing. What this process
    has imported within a minute counts, if nothing was installed or removed since.

    :param driver: redis, zookeeper or etcd.
    :param user: also import as this user, who must be able to read the libraries.
    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    key, now = (python, driver, user), time.monotonic()
    changed, known = site.last_change(python), _imported.get(key)
    if known and known[0] == changed and now - known[1] < _FRESH_SECONDS:
        return True, ""
    missing = program_runner.ask(python, {"ask": "import", "modules": MODULES[driver]})[
        "missing"
    ]
    if missing is None and user is not None and site.is_binary(python):
        missing = _missing_for(user, python, driver)
    if changed is not None and missing is None:
        _imported[key] = changed, now
    return missing is None, missing or ""


def connection_errors(python: str, url: str, masker: Masker) -> tuple[Cause, ...]:
    """Why that Python's libraries get no connection to a database, without secrets.

    Empty if they do, or if only the account or the database isn't there yet.

    :param url: with its password.
    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    masker = masker.plus(passwords_in(url))
    chain = program_runner.ask(python, {"ask": "database", "url": url})["chain"]
    return tuple(Cause(one["type"], masker.text(one["text"])) for one in chain)


def tls_obstacle(python: str, task_flow: Mapping[str, Any]) -> str:
    """Why that Python's client can't use TLS as these options ask; empty if it can."""
    wanted = uses_tls(task_flow.get("jobboard_zookeeper_ssl_options"))
    if wanted and site.installed(python)["kazoo"] == KAZOO_WITHOUT_TLS:
        return f"kazoo {KAZOO_WITHOUT_TLS} can't connect to ZooKeeper over TLS"
    return ""


def _missing_for(user: str, python: str, driver: str) -> str | None:
    # Our own programs may be unreadable for that user.
    code = "import sys; sys.path[:] = filter(None, sys.path); import "
    argv = (python, "-c", code + ", ".join(MODULES[driver]))
    try:
        done = commands.run(argv, timeout=_TIMEOUT, user=user)
    except PermanentError as exc:
        return f"as the user {user}: {exc.why}"
    if done.returncode == 0:
        return None
    last = (done.output or f"it ended with {done.returncode}").splitlines()[-1]
    return f"as the user {user}: {last}"


def effective_task_flow(python: str | None, sources: Sequence[str]) -> dict[str, Any]:
    """The values of ``[task_flow]`` by option, as Octavia loads them; with secrets.

    :raises PermanentError: as :func:`load_task_flow`, or a value is invalid.
    """
    loaded = load_task_flow(python, sources)
    if loaded.invalid:
        raise _unreadable(sources, f"wrong value of {', '.join(loaded.invalid)}")
    return dict(loaded.values)


def load_task_flow(python: str | None, sources: Sequence[str]) -> TaskFlow:
    """Load the files with the options that the Octavia of ``python`` has.

    :param python: None stands for the newest release in our table, without what only a
        container has.
    :param sources: see :func:`.config_sources.sources`.
    :raises PermanentError: a file can't be parsed or read, or ``python`` can't be run
        or has no Octavia.
    """
    if python is None:
        answer = _load(TASK_FLOW_OPTIONS, sources)
    else:
        answer = _load_by_release(python, sources) or _load_by_octavia(python, sources)
    if "error" in answer:
        raise _unreadable(sources, answer["error"])
    return TaskFlow(answer["values"], answer["defaults"], answer["invalid"])


def load_providers(
    python: str | None, sources: Sequence[str]
) -> tuple[str, Mapping[str, str]]:
    """The default provider, and the descriptions of the enabled ones by name.

    Parameters are those of :func:`load_task_flow`.

    :raises PermanentError: a file can't be parsed or read, or a value is invalid.
    """
    options = [DEFAULT_PROVIDER, ENABLED_PROVIDERS]
    if python and are_partly_inside(sources):
        answer = _load_by_octavia(python, sources, API_GROUP)
    else:
        answer = _load_group(API_GROUP, options, sources)
    if "error" in answer:
        raise _unreadable(sources, answer["error"])
    wrong = [each.dest for each in options if each.dest in answer["invalid"]]
    if wrong:
        raise _unreadable(sources, f"wrong value of {', '.join(wrong)}")
    values = answer["values"]
    return values[DEFAULT_PROVIDER.dest], values[ENABLED_PROVIDERS.dest]


def _load_by_release(python: str, sources: Sequence[str]) -> dict[str, Any] | None:
    """Load with our table's options; None if they may differ from Octavia's."""
    if not site.is_binary(python):
        return None
    known = release(python)
    if known is None:
        return None
    options = options_of(known)
    answer = _load(options, sources)
    if "error" not in answer and (answer["outside"] or _has_more(sources, options)):
        return None
    return answer


def _load(options: Sequence[TaskFlowOption], sources: Sequence[str]) -> dict[str, Any]:
    return _load_group(GROUP, [oslo_option(each) for each in options], sources)


def _load_group(
    group: str, opts: list[cfg.Opt], sources: Sequence[str]
) -> dict[str, Any]:
    conf = cfg.ConfigOpts()
    conf.register_opts(opts, group=group)
    with _opened(sources) as files:
        answer = load(list(files), conf, opts, group)
    for path, name in files.items():
        if "error" in answer:
            answer["error"] = answer["error"].replace(path, name)
    return answer


def _load_by_octavia(
    python: str, sources: Sequence[str], group: str = GROUP
) -> dict[str, Any]:
    with _opened(sources):  # a check: Octavia's Python opens them by their names
        files = carried(python, sources)
        asked = {"ask": "options", "group": group, "sources": list(sources)}
        return program_runner.ask(python, {**asked, "files": files})


@contextlib.contextmanager
def _opened(sources: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Paths that lead to the opened files, and the files' names, in order.

    :raises PermanentError: a link of Octavia's user leads elsewhere.
    """
    files: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for name in files_of(sources):
            # oslo.config reports a missing file. It must not look for it by name: a
            # link of Octavia's user may be there meanwhile.
            path = f"/proc/self/missing-{len(files)}"
            try:
                file = stack.enter_context(no_follow.entry(name))
                handle = stack.enter_context(no_follow.opened(file.open()))
                path = f"/proc/self/fd/{handle}"
            except (FileNotFoundError, PermissionError):
                pass
            except OSError as exc:
                raise _unreadable(sources, exc.strerror or str(exc)) from exc
            files[path] = name
        yield files


def _has_more(sources: Sequence[str], options: Sequence[TaskFlowOption]) -> bool:
    """Whether a file sets a different option; True also if it can't be read now."""
    known = {option.name for option in options}
    try:
        texts = [durable_file.read(file) for file in files_of(sources)]
        return any(conf_file.get_options(text, GROUP).keys() - known for text in texts)
    except (BootstrapError, ValueError):
        return True


def _unreadable(sources: Sequence[str], why: str) -> PermanentError:
    return PermanentError(
        "load Octavia's configuration",
        on=" with ".join(sources),
        why=why,
        todo=program_runner.UNLOADABLE,
    )
