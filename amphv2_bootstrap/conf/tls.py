# SPDX-License-Identifier: Apache-2.0
"""Checks of the TLS dictionaries, and of files that options name."""

import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from amphv2_bootstrap.adapters.host import no_follow
from amphv2_bootstrap.adapters.host.certificates import (
    Flaw,
    authority_flaws,
    pair_flaws,
)
from amphv2_bootstrap.adapters.octavia import program_runner
from amphv2_bootstrap.adapters.octavia.programs.options import in_memory
from amphv2_bootstrap.conf.problems import OptionProblems, suggestion
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.spec.model import on_host
from amphv2_bootstrap.spec.octavia_options import TaskFlowOption
from amphv2_bootstrap.spec.task_flow_group import is_boolean

_BOOLEANS = ("ssl", "use_ssl", "verify_certs", "check_hostname")
_AUTHORITIES = ("ssl_ca", "ssl_ca_certs", "ca_cert", "ca")
_KEYS = {
    "ssl_cert": "ssl_key",
    "ssl_certfile": "ssl_keyfile",
    "certfile": "keyfile",
    "cert_cert": "cert_key",
}
"""The name of the key's file by that of the certificate's."""
_FILES = (*_AUTHORITIES, *_KEYS, *_KEYS.values())
_ELSEWHERE = (
    "Put the file there or into Octavia's container, or correct the path; if it is a "
    "path of the container, set [octavia] host_paths to where the file is on this host"
)
_MEMORY = "/proc/self/fd/"
_in_memory = functools.cache(in_memory)
_REQUIREMENTS = ("none", "optional", "required")


def check_tls(
    problems: OptionProblems,
    option: TaskFlowOption,
    value: Mapping[str, str],
    *,
    here: bool,
    host_paths: Mapping[str, str],
) -> None:
    """Check keys and values of one TLS dictionary.

    :param here: whether the files that it names must be on this host.
    :param host_paths: where they are on it; see :class:`HostSettings`.
    """
    for key, text in value.items():
        if key not in option.keys:
            shown = "" if option.secret_keys else f" '{key}'"
            problems.add(
                f"has an unknown key{shown}{suggestion(key, list(option.keys))}",
                "Write key:value,key:value without quotes and braces, with the keys "
                f"{', '.join(option.keys)}",
            )
        if key in _BOOLEANS and not is_boolean(text):
            todo = f"Write {key}:True or {key}:False"
            problems.add(f"has {key} neither true nor false", todo)
        if key == "ssl_cert_reqs" and text not in _REQUIREMENTS:
            todo = f"Write one of {', '.join(_REQUIREMENTS)}"
            problems.add(f"has {key}:{text}, which is unknown", todo)
    password = value.get("keyfile_password")
    check_certificates(
        problems, value, here=here, host_paths=host_paths, password=password
    )


def check_certificates(
    problems: OptionProblems,
    value: Mapping[str, str],
    *,
    here: bool,
    host_paths: Mapping[str, str],
    password: str | None = None,
) -> None:
    """Check the files that TLS options, or the arguments of a URL, name.

    :param host_paths: where they are on this host; see :class:`HostSettings`.
    :param password: of the key.
    """
    named = {key: on_host(value[key], host_paths) for key in _FILES if key in value}
    usable = {
        key: Path(name)
        for key, name in named.items()
        if check_file(problems, name, here=here, label=f"{key} ", todo=_ELSEWHERE)
    }
    for key, flaw in _flaws(usable, value, password) if here else ():
        note = problems.warn if flaw.warning else problems.add
        name = value[key] if named[key].startswith(_MEMORY) else named[key]
        note(f"names {key} {name}, which {flaw.what}", flaw.todo)


def _flaws(
    usable: Mapping[str, Path], value: Mapping[str, str], password: str | None
) -> Iterator[tuple[str, Flaw]]:
    for key in _AUTHORITIES:
        if key in usable:
            for flaw in authority_flaws(usable[key]):
                yield key, flaw
    for key, its_key in _KEYS.items():
        if key in usable and (its_key in usable or its_key not in value):
            pair = (usable[key], usable.get(its_key), password)
            for flaw in pair_flaws(*pair):
                yield key, flaw


def fetched(
    problems: OptionProblems,
    python: str | None,
    values: Iterable[Mapping[str, str]],
    host_paths: Mapping[str, str],
) -> dict[str, str]:
    """Where files are that only Octavia's container has: in this process's memory.

    :param problems: those of the option that says how to enter it.
    :param python: Octavia's Python there; None if it isn't in a container.
    :param values: TLS options, and the arguments of URLs.
    :param host_paths: see :class:`HostSettings`; what is there isn't fetched.
    """
    named = {value[key] for value in values for key in _FILES if key in value}
    missing = [name for name in named if not Path(on_host(name, host_paths)).exists()]
    if python is None or not missing:
        return {}
    try:
        answer = program_runner.ask(python, {"ask": "texts", "paths": sorted(missing)})
    except ValueError:  # the command isn't one, which is reported later
        return {}
    except BootstrapError as exc:
        problems.add(f"was asked for {', '.join(sorted(missing))}: {exc.why}", exc.todo)
        return {}
    return {name: _in_memory(name, text) for name, text in answer["texts"].items()}


def check_file(
    problems: OptionProblems,
    name: str,
    *,
    here: bool,
    label: str = "",
    todo: str = "Put the file there, or correct the path",
) -> bool:
    """Check that ``name`` is an absolute path and, if ``here``, a readable file."""
    path = Path(name)
    if not path.is_absolute():
        problems.add(
            f"has {label}'{name}', which isn't an absolute path",
            "Write the whole path from / on, or leave it out",
        )
    elif here and not path.is_file():
        problems.add(
            f"names {label}{name}, but this host has no such file",
            todo,
        )
    elif here and not os.access(path, os.R_OK):
        problems.add(
            f"names {label}{name}, which this user may not read",
            "Run as root, or correct the file's owner and mode",
        )
    else:
        return True
    return False


def check_folder(problems: OptionProblems, path: Path) -> None:
    """Check that only root may write the folder, if root runs this program."""
    why = no_follow.why_foreign(path) if path.is_absolute() else None
    if why:
        problems.add(
            f"is in a folder of others: {why}, and so could have root follow a link",
            "Name a folder of root's, or run: chown root FOLDER; chmod go-w FOLDER",
        )
