# SPDX-License-Identifier: Apache-2.0
"""Checks of the configuration files themselves, which oslo.config doesn't make."""

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from oslo_config import cfg, iniparser

from amphv2_bootstrap.conf.loading import list_opts
from amphv2_bootstrap.conf.problems import Problems, suggestion

Sections = Mapping[str, Mapping[str, list[str]]]

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WITH_SECRETS = ("octavia", "task_flow", "conductor")
# Older names that oslo.log still reads.
_OLDER_LOG_NAMES = ("logfile", "logdir", "log_config")
_EXPLAINED = {
    ("octavia", "jobboard_enabled"): (
        "can't be chosen: this program always enables the jobboard",
        "Remove it",
    ),
}


def check_files(conf: cfg.ConfigOpts, problems: Problems) -> None:
    """Collect misspelt and repeated options, single $ in secrets, and open files."""
    known = _known(conf)
    for path in _paths(conf):
        sections = _sections(path, problems)
        for section, assignments in sections.items():
            _check_section(path, section, assignments, known, problems)
        _check_mode(path, sections, problems)


def _paths(conf: cfg.ConfigOpts) -> list[Path]:
    files = [Path(name) for name in conf.config_file or ()]
    for folder in conf.config_dir or ():
        files += sorted(Path(folder).glob("*.conf"))
    return files


def _sections(path: Path, problems: Problems) -> Sections:
    sections: dict[str, dict[str, list[str]]] = {}
    try:
        cfg.ConfigParser(str(path), sections).parse()
    except (OSError, ValueError, iniparser.ParseError):
        # load() could still read it.
        problems.say(f"The configuration file {path} can't be read. Try again.")
        return {}
    return sections


def _known(conf: cfg.ConfigOpts) -> Mapping[str, list[str]]:
    groups = {group: [opt.name for opt in options] for group, options in list_opts()}
    names = [name for name in conf if name not in groups]
    # oslo.log's options may be written with dashes too, ours may not.
    dashed = [name.replace("_", "-") for name in names if name not in groups["DEFAULT"]]
    groups["DEFAULT"] = sorted({*names, *dashed, *_OLDER_LOG_NAMES})
    return groups


def _check_section(
    path: Path,
    section: str,
    assignments: Mapping[str, list[str]],
    known: Mapping[str, list[str]],
    problems: Problems,
) -> None:
    group = section if section == "DEFAULT" else section.lower()
    if group not in known:
        problems.say(
            f"{path} has the section [{section}], which is unknown"
            f"{suggestion(section, list(known))}. Correct or remove it."
        )
        return
    for key, values in assignments.items():
        if key not in known[group]:
            _unknown(path, group, key, known, problems)
        elif len(values) > 1 and not _is_multi(group, key):
            problems.of(group, key).add(
                f"is set {len(values)} times in {path}, of which only the last counts",
                "Keep one",
            )
        elif _is_secret(group, key) and any(map(_has_single_dollar, values)):
            problems.of(group, key).has_single_dollar()


def _unknown(
    path: Path,
    group: str,
    key: str,
    known: Mapping[str, list[str]],
    problems: Problems,
) -> None:
    if not _WORD.fullmatch(key):
        # Don't show it: it may be the end of a value, even of a secret.
        problems.say(
            f"{path} has a line in [{group}] that doesn't begin with an option's "
            "name. Indent it if it goes on with the value above, or remove it."
        )
        return
    if (group, key) in _EXPLAINED:
        problems.of(group, key).add(*_EXPLAINED[group, key])
        return
    homes = [f"[{other}]" for other in known if key in known[other]]
    hint = f" (it belongs into {' or '.join(homes)})" if homes else ""
    hint = hint or suggestion(key, known[group])
    problems.of(group, key).add(f"in {path} is an unknown option{hint}", "Correct it")


def _option(group: str, key: str) -> cfg.Opt | None:
    options = dict(list_opts())[group]
    return next((option for option in options if option.name == key), None)


def _is_multi(group: str, key: str) -> bool:
    return isinstance(_option(group, key), cfg.MultiOpt)


def _is_secret(group: str, key: str) -> bool:
    option = _option(group, key)
    return option is not None and option.secret


def _has_single_dollar(value: str) -> bool:
    return "$" in value.replace("\\$", "").replace("$$", "")


def _check_mode(path: Path, sections: Sections, problems: Problems) -> None:
    secret = any(
        section.lower() in _WITH_SECRETS and _is_secret(section.lower(), key)
        for section, assignments in sections.items()
        for key in assignments
    )
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
    if secret and mode & (stat.S_IRGRP | stat.S_IROTH):
        problems.warn(
            f"The configuration file {path} holds secrets, and others may read it "
            f"(mode {mode:04o}). Run: chmod 0600 {path}."
        )
