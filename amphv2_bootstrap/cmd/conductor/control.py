# SPDX-License-Identifier: Apache-2.0
"""``conductor drain`` and ``conductor undrain``."""

import argparse
from typing import TYPE_CHECKING

from cliff.command import Command

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import as_written
from amphv2_bootstrap.cmd.post import operator
from amphv2_bootstrap.errors import NotFoundError

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime


class DrainConductor(Guarded, Command):
    """Let the conductors of a host end what they hold, and claim nothing new.

    Before maintenance of the host. A restart of its conductor keeps it. The host's own
    flows wait and let those of others go first, until 'conductor undrain'. A host
    needs no conductor to be drained.

    Examples:
      amphv2-bootstrap conductor drain controller2
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return _with_host(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from amphv2_bootstrap.engine.storage.control.draining import drain

        runtime, host = self.runtime(), parsed_args.host
        _check_host(runtime, host)
        is_new = drain(runtime.journal, host, operator(runtime))
        said = "is drained" if is_new else "was drained before; nothing to do"
        print(f"{host} {said}.")
        held = [
            run.name
            for run in runtime.store.live_flow_runs()
            if run.owner in _conductors(runtime, host)
        ]
        if held:
            print(f"Until its end goes on: {', '.join(held)}.")
        print(f"To end it: amphv2-bootstrap conductor undrain {host}")


class UndrainConductor(Guarded, Command):
    """Let the conductors of a drained host claim flows again.

    Examples:
      amphv2-bootstrap conductor undrain controller2
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return _with_host(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from amphv2_bootstrap.engine.storage.control.draining import undrain

        runtime, host = self.runtime(), parsed_args.host
        _check_host(runtime, host)
        was_drained = undrain(runtime.journal, host, operator(runtime))
        said = "claims again" if was_drained else "isn't drained; nothing to do"
        print(f"{host} {said}.")


def _with_host(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("host", help="its name, as 'conductor list' has it")
    return as_written(parser)


def _conductors(runtime: "Runtime", host: str) -> list[str]:
    return [row.owner for row in runtime.store.conductors() if row.host == host]


def _check_host(runtime: "Runtime", host: str) -> None:
    """:raises NotFoundError: neither the configuration nor the database has it."""
    store = runtime.store
    names = [
        *runtime.loaded.spec.controllers,
        *(row.host for row in store.conductors()),
        *(run.host for run in store.live_flow_runs() if run.host),
        *store.drains(),
    ]
    if host not in names:
        raise NotFoundError(
            "find the host",
            on=host,
            why="it is no controller of the configuration, and no conductor runs there",
            todo=f"Choose from {', '.join(dict.fromkeys(names))}.",
        )
