# SPDX-License-Identifier: Apache-2.0
"""The jobboard that octavia.conf names before it is changed."""

from collections.abc import Mapping
from typing import Any

from amphv2_bootstrap.adapters.octavia import canary, meaning
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.errors import BootstrapError, CancelledError, PermanentError
from amphv2_bootstrap.spec.model import Value
from amphv2_bootstrap.spec.octavia_options import BY_NAME
from amphv2_bootstrap.spec.task_flow_group import driver_of, is_true
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import loaded, loaded_by_table
from amphv2_bootstrap.steps.wanted_options import wanted_values

_PLACE = (
    "jobboard_backend_driver",
    "jobboard_backend_hosts",
    "jobboard_backend_port",
    "jobboard_backend_namespace",
    "jobboard_redis_backend_db",
    "jobboard_redis_sentinel",
    "persistence_connection",
)
"""With another value of one of these, Octavia doesn't find the jobs there."""


def refuse_to_leave_jobs(context: Context) -> tuple[str, ...]:
    """Look for jobs on the jobboard that this host leaves; returns warnings.

    A job that is left behind keeps its load balancer in PENDING for ever: whoever
    takes the new jobboard never sees it. Changes nothing, and is safe to run twice.

    :raises PermanentError: there are jobs; it names them.
    """
    sources = loaded(context)
    former = loaded_by_table(context)
    moved = _moved(former.values, wanted_values(context))
    if not is_true(former.values.get("jobboard_enabled")) or not moved:
        return ()
    left = f"{', '.join(moved)} change: jobs that wait on the former jobboard"
    python = interpreter_of(context.host)
    if python is None:
        return (f"{left} are lost. Whether there are any isn't known here.",)
    try:
        jobs = canary.waiting_jobs(
            python,
            sources,
            masker=context.secrets.masker,
            cancelled=context.cancelled,
        )
    except CancelledError:
        raise
    except BootstrapError as exc:
        return (f"{left} are lost. Whether there are any can't be seen: {exc}",)
    if jobs:
        raise _left_behind(context, driver_of(former.values), jobs)
    return ()


def _moved(former: Mapping[str, Any], wanted: Mapping[str, Value]) -> list[str]:
    return [
        name
        for name in _PLACE
        if name in former
        and not meaning.same(
            name, former[name], wanted.get(name, BY_NAME[name].default)
        )
    ]


def _left_behind(
    context: Context, driver: str, jobs: tuple[str, ...]
) -> PermanentError:
    return PermanentError(
        "leave Octavia's former jobboard",
        on=f"{context.host.config_file}, {driver}",
        why=f"jobs are waiting there: {', '.join(jobs)}",
        todo="The file wasn't changed. Wait until Octavia's workers have done them "
        "(start the workers if none runs), then resume the job.",
    )
