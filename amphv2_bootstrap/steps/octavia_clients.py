# SPDX-License-Identifier: Apache-2.0
"""What the clients in Octavia's own Python make of the servers; ours may differ.

They are of other versions, and in a container they have other files and authorities.
"""

import ssl
from collections.abc import Callable

from amphv2_bootstrap.adapters import key_value
from amphv2_bootstrap.adapters.key_value import ClientMissingError
from amphv2_bootstrap.adapters.octavia import canary, introspection
from amphv2_bootstrap.adapters.octavia.diagnosis import MissingLibraryError, verdict
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.adapters.octavia.program_runner import Result
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.octavia_options import TASK_FLOW_OPTIONS
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.spec.task_flow_group import uses_tls
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import with_wanted
from amphv2_bootstrap.steps.wanted_options import wanted_values

KeyValueCheck = Callable[[Spec, Secrets], tuple[str, ...]]

_OF_A_CLIENT = (ClientMissingError, ssl.SSLError, FileNotFoundError, PermissionError)
"""What one client may meet and another not: it isn't there, trusts another authority,
or has other files."""


def check_key_value(
    context: Context, check: KeyValueCheck | None = None
) -> tuple[str, ...]:
    """Check the key-value backend by our client, and by Octavia's where it may differ.

    What only our client meets is a warning; what only Octavia's meets is an error.
    Changes nothing. Returns warnings; errors are those of :func:`.key_value.check`.

    :param check: in the place of :func:`.key_value.check`.
    """
    try:
        warnings = (check or key_value.check)(
            context.host.on_host(context.spec), context.secrets
        )
    except BootstrapError as exc:
        if not _is_of_a_client(exc) or not _octavia_reaches(context):
            raise
        return (
            f"This program's own client: {exc} Octavia's client works, so that is no "
            "obstacle; but whether the server takes writes and keeps them was not "
            "checked.",
        )
    if _may_differ(context.spec):
        _octavia_reaches(context)
    return warnings


def refuse_unusable_url(context: Context) -> None:
    """Connect to the persistence database by Octavia's libraries, if they may differ.

    They do with arguments in its URL. An account or a database that isn't there yet
    is no error. Changes nothing.

    :raises PermanentError: they can't use the URL.
    :raises TransientError: they can't reach the server.
    """
    python, url = interpreter_of(context.host), context.spec.persistence
    if python is None or url.is_sqlite or not url.query:
        return
    text = str(wanted_values(context)["persistence_connection"])
    chain = introspection.connection_errors(python, text, context.secrets.masker)
    if chain:
        result = Result(broken="persistence", chain=chain)
        raise verdict(result, python, ["persistence_connection"])


def _may_differ(spec: Spec) -> bool:
    return bool(spec.task_flow.get("jobboard_redis_sentinel")) or any(
        uses_tls(spec.task_flow.get(option.name))
        for option in TASK_FLOW_OPTIONS
        if option.is_read_by(spec.driver)
    )


def _is_of_a_client(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, _OF_A_CLIENT):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _octavia_reaches(context: Context) -> bool:
    """Whether Octavia's client does; False where it can't be asked."""
    python = interpreter_of(context.host)
    if python is None:
        return False
    try:
        with with_wanted(context) as sources:
            canary.waiting_jobs(
                python,
                sources,
                masker=context.secrets.masker,
                cancelled=context.cancelled,
            )
    except MissingLibraryError:  # ensure-client-library runs later
        return False
    return True
