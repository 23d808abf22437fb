# SPDX-License-Identifier: Apache-2.0
"""Errors that only the engine raises."""

from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError


class DatabaseUnavailableError(TransientError):
    """The engine's database doesn't answer, or refuses for now."""


class AccessDeniedError(DatabaseUnavailableError):
    """The engine's database refuses the login; also where the account isn't there."""


class DatabaseError(PermanentError):
    """The engine's database answers, but can't do what was asked."""


class SchemaError(DatabaseError):
    """The engine's tables are missing or of another version."""


class MissingDatabaseError(SchemaError):
    """The database doesn't exist; only an administrator of its server can create it."""


class FencedError(CancelledError):
    """The claim was lost: another conductor may be working on this flow.

    Nothing more may be written or started. The error is never retried.
    """


class RefusedError(PermanentError):
    """This conductor can't carry out the flow; another one may."""


class UnknownFlowError(RefusedError):
    """No flow of this name is registered here, or it has a different shape."""
