# SPDX-License-Identifier: Apache-2.0
"""Errors that only the engine raises."""

from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError


class DatabaseUnavailableError(TransientError):
    """The engine's database doesn't answer, or refuses for now."""


class DatabaseError(PermanentError):
    """The engine's database answers, but can't do what was asked."""


class SchemaError(DatabaseError):
    """The engine's tables are missing or of another version."""


class MissingDatabaseError(SchemaError):
    """The database isn't there: only an administrator of its server can make it."""


class FencedError(CancelledError):
    """The claim was lost: another conductor may be at work on this job.

    Nothing may be written or started any more; it is never retried.
    """


class RefusedError(PermanentError):
    """This conductor can't carry the job out; another one may."""


class UnknownFlowError(RefusedError):
    """No flow of that name is registered here, or it has another shape."""
