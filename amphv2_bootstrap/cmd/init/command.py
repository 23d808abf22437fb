# SPDX-License-Identifier: Apache-2.0
"""``init``: write a first configuration file."""

import argparse
import os
import re
import sys
from typing import TYPE_CHECKING

from cliff.command import Command

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import as_written
from amphv2_bootstrap.errors import InvalidInputError

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.init.draft import Draft
    from amphv2_bootstrap.conf.build import Loaded

_ASSIGNMENT = re.compile(r"(\w+)\.(\w+)=(.*)", re.DOTALL)
_EXPIRATION = "jobboard_expiration_time"

Assignment = tuple[str, str, str]


class Init(Guarded, Command):
    """Write a first configuration file, from the octavia.conf of this host.

    What that file doesn't say is asked for on a terminal, passwords without echo, or
    given by --set. The result is checked as by 'post-job': if it has problems, all of
    them are reported, nothing is written, and the exit code is 2. A file that is
    there is never touched. --config-file names another place than the default.

    Examples:
      amphv2-bootstrap init
      amphv2-bootstrap init --set octavia.jobboard_backend_hosts=192.0.2.11 \\
      --set octavia.admin_connection_file=/root/amphv2/admin-connection
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = as_written(super().get_parser(prog_name))
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            type=_assignment,
            dest="assignments",
            metavar="GROUP.OPTION=VALUE",
            help="set any option; repeat it for an option of several lines. $ isn't "
            "doubled. Others see what is typed here, so a secret is refused: name its "
            "file instead, by the option that ends in _file",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from amphv2_bootstrap.adapters.host import durable_file
        from amphv2_bootstrap.cmd.init import questions

        path = _place(self.app_args.config_file)
        draft = _given(parsed_args.assignments)
        if sys.stdin.isatty():
            questions.ask_where(draft)
        origin = _take_over(draft)
        if sys.stdin.isatty():
            questions.ask_what(draft)
        _lengthen_claims(draft)
        loaded = _checked(draft, path)
        text = draft.text(
            f"Written by 'amphv2-bootstrap init' from {origin}.",
            "amphv2-bootstrap.conf.sample has all options.",
        )
        durable_file.create_private(path, text.encode())
        _conclude(path, loaded, self.app_args.config_file)


def _assignment(text: str) -> Assignment:
    found = _ASSIGNMENT.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError("it isn't GROUP.OPTION=VALUE")
    group, option, value = found.groups()
    return group, option, value


def _place(config_files: list[str] | None) -> str:
    """Where the file belongs.

    :raises InvalidInputError: something is there.
    """
    from amphv2_bootstrap.conf.loading import DEFAULT_CONFIG_FILE

    *others, path = config_files or [DEFAULT_CONFIG_FILE]
    if others:
        problem = "--config-file is given twice, but 'init' writes one file: name one."
        raise InvalidInputError([problem])
    if os.path.lexists(path):
        raise InvalidInputError(
            [
                f"{path} is there already, and 'init' overwrites nothing. Edit it, or "
                "remove it first, or name another place with --config-file."
            ]
        )
    return os.path.abspath(path)  # noqa: PTH100 - a link stays one


def _given(assignments: list[Assignment]) -> "Draft":
    from amphv2_bootstrap.cmd.init.draft import Draft

    draft, problems = Draft(), []
    for group, option, value in assignments:
        draft.add(group, option, value)
        if _is_secret(group, option, value):
            problems.append(
                f"--set {group}.{option} has a secret, which others see in the list of "
                f"processes. Write it into a file of mode 0600, and name that by --set "
                f"{group}.{option}_file=PATH."
            )
    if problems:
        raise InvalidInputError(problems)
    return draft


def _is_secret(group: str, name: str, value: str) -> bool:
    from amphv2_bootstrap.conf.loading import list_opts
    from amphv2_bootstrap.spec.masking import names_secret, passwords_in

    options = {option.name: option for option in dict(list_opts()).get(group, [])}
    if name not in options or not options[name].secret:
        return False
    if name.endswith("_connection"):
        return bool(passwords_in(value))
    keys = [pair.partition(":")[0].strip() for pair in value.split(",")]
    return names_secret(name) or any(map(names_secret, keys))


def _take_over(draft: "Draft") -> str:
    """Take over what octavia.conf has of a jobboard; say which file it is."""
    from amphv2_bootstrap.adapters.octavia.config_sources import plain, written
    from amphv2_bootstrap.conf.loading import list_opts
    from amphv2_bootstrap.spec.octavia_options import BY_NAME

    group = "octavia"
    files = draft.target().octavia_files
    own = {option.name for option in dict(list_opts())[group]}
    for name, text in written(files, "task_flow").get("task_flow", {}).items():
        option = BY_NAME.get(name)
        if option is None or name not in own or draft.has(group, name):
            continue
        value = plain(text)
        if value and value != str(option.default):
            draft.set(group, name, value)
    return ", ".join(map(str, files))


def _checked(draft: "Draft", path: str) -> "Loaded":
    from amphv2_bootstrap.conf.build import build

    with draft.loaded() as conf:
        (place,) = conf.config_file
        try:
            return build(conf)
        except InvalidInputError as exc:
            problems = [each.replace(place, path) for each in exc.problems]
            raise InvalidInputError(problems) from None


def _lengthen_claims(draft: "Draft") -> None:
    """Octavia's default is too short, where its driver reads it at all."""
    from amphv2_bootstrap.spec.octavia_options import BY_NAME
    from amphv2_bootstrap.spec.task_flow_rules import SHORT_EXPIRATION

    is_read = BY_NAME[_EXPIRATION].is_read_by(draft.target().backend.driver)
    if is_read and not draft.has("octavia", _EXPIRATION):
        draft.set("octavia", _EXPIRATION, str(SHORT_EXPIRATION))


def _conclude(path: str, loaded: "Loaded", chosen: object) -> None:
    """Print what was written, and what to type next."""
    from amphv2_bootstrap.cmd.post import say_database
    from amphv2_bootstrap.spec.masking import passwords_in

    for warning in loaded.warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
    say_database(loaded)
    command = "amphv2-bootstrap" + (f" --config-file {path}" if chosen else "")
    engine = loaded.engine.persistence_connection.reveal()
    print(f"Wrote {path} (mode 0600).")
    if len(loaded.spec.controllers) > 1:
        print("Copy it to each controller. Only [DEFAULT] host may differ there.")
    print("Next:")
    if passwords_in(engine):
        print("  create the database and the account of [task_flow]; then")
        print(f"  {command} db upgrade")
    print(f"  {command} plan\n  {command} post-job --wait")
