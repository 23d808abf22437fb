# SPDX-License-Identifier: Apache-2.0
"""The errors of all jobboards, in the same words."""

from amphv2_bootstrap.engine.board import (
    BoardUnavailableError,
    ClaimRefusedError,
    Entry,
    NewEntry,
)
from amphv2_bootstrap.engine.measures import MEASURES, Event
from amphv2_bootstrap.errors import ConflictError
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.masking import Masker
from amphv2_bootstrap.spec.server_errors import key_value as server_errors

NOTHING = "Nothing: its owner carries it out, or its claim expires"


def unavailable(
    settings: BoardSettings, attempted: str, cause: BaseException | str
) -> BoardUnavailableError:
    """The backend didn't answer, or answered with an error of its own."""
    why = words = str(cause)
    refused = None
    if isinstance(cause, BaseException):
        why, refused = _words(cause), tls.refusal(cause)
        words = server_errors.words_of(cause)
    rule = server_errors.rule_of(settings.driver, words)
    MEASURES.count(Event.BOARD_FAILED)
    todo = "Check that its servers are up, reachable, and let this account in"
    return BoardUnavailableError(
        attempted,
        on=settings.place,
        why=Masker(settings.secret_texts).text(why.rstrip(": ")),
        todo=refused or (rule.advice if rule else todo),
    )


def _words(cause: BaseException) -> str:
    """Type and text; only the type of an error that isn't a client library's own."""
    name = type(cause).__name__
    return name if server_errors.is_foreign(cause) else f"{name}: {cause}"


def closed(settings: BoardSettings, attempted: str) -> BoardUnavailableError:
    """The board isn't connected, or was closed in the meantime."""
    return unavailable(settings, attempted, "the board is closed")


def refused(settings: BoardSettings, entry: Entry, why: str) -> ClaimRefusedError:
    """Another owner has the claim, or the entry is gone."""
    return ClaimRefusedError(
        f"claim flow {entry.uuid}",
        on=settings.place,
        why=why,
        todo=NOTHING,
    )


def occupied(settings: BoardSettings, new_entry: NewEntry, key: str) -> ConflictError:
    """Another entry has the place that belongs to this one."""
    return ConflictError(
        f"post flow {new_entry.uuid}",
        on=settings.place,
        why=f"{key} holds another entry",
        todo="Give this engine a namespace of its own, or remove the other entry",
    )
