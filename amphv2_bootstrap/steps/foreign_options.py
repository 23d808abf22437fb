# SPDX-License-Identifier: Apache-2.0
"""Foreign options: options of Octavia's jobboard that are set, but not wanted.

With them, this host's jobboard would differ from the wanted one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from amphv2_bootstrap.adapters.octavia import introspection, meaning
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Value
from amphv2_bootstrap.spec.octavia_options import BY_NAME
from amphv2_bootstrap.spec.task_flow_tls import ETCD_SWITCH
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import loaded_by_table
from amphv2_bootstrap.steps.wanted_options import wanted_values

_PREFIX = "jobboard_"


def refuse_foreign_options(context: Context) -> None:
    """Load this host's octavia.conf as Octavia does; change nothing.

    :raises PermanentError: it has foreign options, or can't be loaded.
    """
    # The step check-effective-configuration finds the rest once the file is written.
    task_flow = loaded_by_table(context)
    wanted = wanted_values(context)
    found = list(foreign_options(wanted, task_flow, context.spec.driver))
    if found:
        raise PermanentError(
            "set the options of the jobboard",
            on=context.host.config_file,
            why=f"others are set there: {'; '.join(found)}",
            todo="The file wasn't changed. To keep them, set them in [octavia] of "
            "amphv2-bootstrap.conf on all controllers, cancel the job and post it "
            "anew. Otherwise remove them from the file, or from its conf.d folder, and "
            "resume the job.",
        )


def foreign_options(
    wanted: Mapping[str, Value], loaded: introspection.TaskFlow, driver: str
) -> Iterator[str]:
    """Each option that is set and read by the driver, but not wanted; no secrets."""
    for name, default in loaded.defaults.items():
        if not name.startswith(_PREFIX) or name in wanted:
            continue
        known = BY_NAME.get(name)
        if known is not None and not known.is_read_by(driver):
            continue
        if name in loaded.invalid:
            yield f"{name} is invalid: {loaded.invalid[name]}"
        elif not meaning.same(name, loaded.values[name], default):
            yield f"{name} {_surplus(name, loaded.values[name], default)}"


def _surplus(name: str, found: Any, default: Any) -> str:
    if name == "jobboard_etcd_ssl_options":
        return f"isn't wanted ({ETCD_SWITCH})"
    known = BY_NAME.get(name)
    if known is None:
        return "is set, but isn't wanted, and [octavia] has no such option: remove it"
    if known.secret or known.secret_keys:
        return "is set, but isn't wanted"
    return f"is {found!r}, but isn't wanted (Octavia's default is {default!r})"
