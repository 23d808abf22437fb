# SPDX-License-Identifier: Apache-2.0
"""Wanted options that this host's release of Octavia doesn't have, or gets wrong."""

from collections.abc import Iterator

from amphv2_bootstrap.adapters.octavia import introspection
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.octavia_options import BY_NAME, OLDEST_RELEASE
from amphv2_bootstrap.spec.octavia_releases import (
    is_too_old,
    options_of,
    release_traps,
)
from amphv2_bootstrap.spec.task_flow_group import Group, Place, Trap
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.wanted_options import wanted_values


def missing_options(context: Context) -> Iterator[str]:
    """A problem for each wanted option that the release lacks or gets wrong.

    Or one for a release that is too old.

    Nothing is found where the release isn't known: the step
    ``check-effective-configuration`` then asks Octavia itself.

    :raises PermanentError: Octavia's Python can't be run.
    """
    yield from (str(one) for one in _traps(context) if one.severity != "warning")
    python = interpreter_of(context.host)
    release = introspection.release(python) if python else None
    if release is None:
        yield from _too_old(context)
        return
    known = {option.name for option in options_of(release)}
    for name in wanted_values(context):
        if name not in known:
            yield (
                f"Octavia {release} on {context.host.name} has no option {name}, "
                f"which came with {BY_NAME[name].since}: remove it from [octavia] of "
                "amphv2-bootstrap.conf on all controllers and post the job anew, or "
                "upgrade Octavia."
            )


def doubtful_options(context: Context) -> Iterator[str]:
    """A warning for each wanted option with which this host's Octavia has trouble."""
    yield from (str(one) for one in _traps(context) if one.severity == "warning")


def _traps(context: Context) -> Iterator[Trap]:
    python = interpreter_of(context.host)
    versions = introspection.trap_versions(python) if python else {}
    return release_traps(Group(wanted_values(context), Place.FILE, versions=versions))


def _too_old(context: Context) -> Iterator[str]:
    python = interpreter_of(context.host)
    version = introspection.versions(python)["octavia"] if python else None
    if version and is_too_old(version):
        yield (
            f"Octavia {version} on {context.host.name} is too old: its jobboard works "
            f"from {OLDEST_RELEASE} (Victoria) on. Upgrade Octavia on all controllers."
        )


def refuse_missing_options(context: Context) -> None:
    """Change nothing.

    :raises PermanentError: this host's Octavia lacks wanted options or gets them wrong.
    """
    found = list(missing_options(context))
    if found:
        raise PermanentError(
            "set the options of the jobboard",
            on=context.host.config_file,
            why=" ".join(found),
            todo="The file wasn't changed.",
        )
