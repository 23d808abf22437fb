# SPDX-License-Identifier: Apache-2.0
"""``check-effective-configuration``: Octavia loads the wanted options here."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.octavia import (
    conf_file,
    config_sources,
    introspection,
    meaning,
)
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import HostSettings, Value, plain
from amphv2_bootstrap.spec.octavia_options import BY_NAME
from amphv2_bootstrap.spec.task_flow_group import Group, Place
from amphv2_bootstrap.spec.task_flow_rules import traps
from amphv2_bootstrap.steps import provider
from amphv2_bootstrap.steps.base import UNCHANGED, Context, Seen, Step, StepResult
from amphv2_bootstrap.steps.foreign_options import foreign_options
from amphv2_bootstrap.steps.wanted_options import SECTION, wanted_values

_WRITING = "write-octavia-configuration"


class CheckEffectiveConfiguration(Step):
    """Load the file as Octavia does, and compare option by option; change nothing.

    The file alone isn't enough: a conf.d folder may add options, and Octavia's version
    decides which options exist and what their values mean.
    """

    atom_name = "check-effective-configuration"

    @property
    def aim(self) -> str:
        return "load the configuration as Octavia does, and compare; changes nothing"

    def look(self, ahead: Collection[str] = ()) -> Seen:
        host = self.context.host
        if _WRITING in ahead:
            later = StepResult(UNCHANGED, "compares the file once it is written")
            return Seen(later, unseen=f"{_WRITING} changes the file before")
        python, count = interpreter_of(host), len(wanted_values(self.context))
        found = [_check(one, python) for one in self.context.of_each_file()]
        by = f"the options of {python}" if python else "our own table of options"
        uses = dict.fromkeys(each.text for each in found)
        result = StepResult(
            UNCHANGED,
            f"all {count} options are in force in {', '.join(host.config_files)}, "
            f"according to {by}; {'; '.join(uses)}",
            tuple(dict.fromkeys(text for each in found for text in each.warnings)),
        )
        return Seen(result)


def _check(context: Context, python: str | None) -> provider.Use:
    """The users of the jobboard by one octavia.conf, and all warnings of that file."""
    host = context.host
    sources = config_sources.sources(host, python)
    loaded = introspection.load_task_flow(python, sources)
    wanted = wanted_values(context)
    problems = [
        *_differences(wanted, loaded),
        *foreign_options(wanted, loaded, context.spec.driver),
    ]
    if problems:
        raise PermanentError(
            "check the configuration as Octavia loads it",
            on=" with ".join(sources),
            why="; ".join(problems),
            todo="Remove the line that sets it, in the file or in a conf.d folder. "
            "To keep it, set it in [octavia] of amphv2-bootstrap.conf on all "
            "controllers, and post the job anew.",
        )
    use = provider.use(context, sources)
    count = len(context.spec.controllers)
    versions = introspection.trap_versions(python) if python else {}
    group = Group(loaded.values, Place.FILE, count, versions)
    warnings = (
        *use.warnings,
        *_unknown(host.config_file, loaded),
        *_assumed_order(host, sources),
        *map(str, traps(group)),
    )
    return provider.Use(use.text, warnings)


def _differences(
    wanted: Mapping[str, Value], loaded: introspection.TaskFlow
) -> Iterator[str]:
    for name, value in wanted.items():
        if name not in loaded.defaults:
            yield f"{name} isn't an option of this version of Octavia"
        elif name in loaded.invalid:
            yield f"{name} is invalid: {loaded.invalid[name]}"
        elif not meaning.same(name, loaded.values[name], value):
            yield f"{name} {_difference(name, loaded.values[name], value)}"


def _difference(name: str, found: Any, wanted: Value) -> str:
    """What differs, without any secret: of dictionaries only the keys."""
    known = BY_NAME[name]
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        one, other = (meaning.meaning(name, each) for each in (wanted, found))
        keys = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
        return f"differs in {', '.join(keys)}"
    if known.secret or known.secret_keys:
        return "differs"
    return f"is {found!r}, wanted {plain(wanted)!r}"


def _assumed_order(host: HostSettings, sources: Sequence[str]) -> Iterator[str]:
    """A warning if the order of several sources depends on unknown arguments."""
    if len(sources) > 1 and config_sources.arguments(host) is None:
        yield (
            "Octavia's files were read in this order, in which the last one wins: "
            f"{', '.join(sources)}. The order depends on the arguments of its "
            "services: write them in [octavia] service_arguments."
        )


def _unknown(config_file: str, loaded: introspection.TaskFlow) -> Iterator[str]:
    present = conf_file.get_options(durable_file.read(config_file), SECTION)
    for name in present:
        if name not in loaded.defaults:
            close = difflib.get_close_matches(name, loaded.defaults, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            yield f"Octavia has no option [{SECTION}] {name}{hint}"
