# SPDX-License-Identifier: Apache-2.0
"""Everything that ``verify`` looks at, in this order."""

import logging
from collections.abc import Callable, Iterator, Sequence

from amphv2_bootstrap.checks.database import database, grants, schema
from amphv2_bootstrap.checks.finding import Check, Finding, name_of
from amphv2_bootstrap.checks.host import (
    canary,
    client_library,
    configuration,
    key_value_backend,
)
from amphv2_bootstrap.checks.jobs import stuck, waiting_jobs
from amphv2_bootstrap.checks.upkeep import other_accounts, server_settings, services
from amphv2_bootstrap.errors import BootstrapError, CancelledError, UnexpectedError
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import prepare

LOG = logging.getLogger(__name__)

CHECKS: tuple[Check, ...] = (
    configuration,
    client_library,
    database,
    grants,
    schema,
    key_value_backend,
    services,
    server_settings,
    other_accounts,
    waiting_jobs,
    stuck,
    canary,
)
"""To add a check, add a function here that takes the context and yields findings.
An error that it raises becomes a finding."""


def verify(
    context: Context,
    checks: Sequence[Check] = CHECKS,
    begin: Callable[[str], None] = lambda name: None,
) -> Iterator[Finding]:
    """Run all checks, also after one has failed; change nothing.

    :param begin: called with the name of each check before it begins.
    :raises CancelledError: ``context.cancelled`` was set.
    """
    if canary in checks:
        prepare(context)
    for check in checks:
        name = name_of(check)
        begin(name)
        try:
            yield from check(context)
        except CancelledError:
            raise
        except BootstrapError as exc:
            yield Finding.of(name, exc)
        except Exception as exc:  # a library may raise anything
            LOG.exception("The check %s ended unexpectedly", name)
            yield Finding.of(name, UnexpectedError.of("carry out the check", exc))
