# SPDX-License-Identifier: Apache-2.0
"""What all steps share: their context, their result, their retries."""

import abc
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Protocol, TypeVar

import tenacity
from taskflow import task

from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError
from amphv2_bootstrap.spec.model import HostSettings, Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.retry_policy import RetryPolicy

LOG = logging.getLogger(__name__)

_T = TypeVar("_T")

CHANGED = "changed"
UNCHANGED = "unchanged"
NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step did; persisted and shown to the operator, so without secrets.

    ``made`` names what the step brought into being: only that may be undone by a
    revert (promise P6). It is kept as it is, while known secrets are masked in the
    texts: names of databases, accounts and files, nothing else.
    """

    effect: str
    summary: str
    warnings: tuple[str, ...] = ()
    made: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {key: _plain(value) for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "StepResult":
        """Read :meth:`to_dict`'s form."""
        return cls(
            effect=data["effect"],
            summary=data["summary"],
            warnings=tuple(data.get("warnings", ())),
            made=tuple(data.get("made", ())),
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


class Intents(Protocol):
    """What a step of one job is about to make, or has made.

    Outlives a failure of the step, a crash within it, and its conductor: the engine
    persists each name before :meth:`add` returns.
    """

    def add(self, name: str) -> None:
        """Note what is made next, and wasn't there when it was looked up."""

    def remove(self, name: str) -> None:
        """Note that it was not made, or not by us."""

    def all(self) -> tuple[str, ...]:
        """The names, in the order in which they were noted first."""


class Unpersisted:
    """The intents of a step that no engine runs: gone with it."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        self._names[name] = None

    def remove(self, name: str) -> None:
        self._names.pop(name, None)

    def all(self) -> tuple[str, ...]:
        return tuple(self._names)


@dataclass(frozen=True, slots=True)
class Context:
    """All that a step may use besides its adapters.

    ``cancelled`` is set when the step has to stop: the claim is lost, or the
    conductor's grace is over. ``release_controllers`` posts the controllers'
    jobs (idempotent) and returns the names of their hosts.
    """

    spec: Spec
    host: HostSettings
    secrets: Secrets
    cancelled: threading.Event = field(default_factory=threading.Event)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    release_controllers: Callable[[], tuple[str, ...]] = tuple


class Step(task.Task, metaclass=abc.ABCMeta):
    """A task of a flow; subclasses say what to do in :meth:`act`.

    ``atom_name`` is persisted: public, never renamed without an alias.
    ``version`` is (major, minor); raise the major when a step that was begun by
    the older code can't be finished by the newer.
    """

    atom_name: ClassVar[str]
    version = (1, 0)

    def __init__(self, context: Context) -> None:
        super().__init__(name=self.atom_name)
        self.context = context
        self.intents: Intents = Unpersisted()

    @property
    @abc.abstractmethod
    def aim(self) -> str:
        """What it will make sure of, for ``plan``: nothing is asked for it.

        No secret, and in the imperative.
        """

    @abc.abstractmethod
    def act(self) -> StepResult:
        """Look up, compare, act; safe to run twice, and after a crash within.

        :raises TransientError: tried again by :meth:`execute`.
        :raises PermanentError: ends the job's run.
        """

    def undo(self, result: StepResult) -> None:
        """Take back what ``result.made`` names; safe to run twice, as :meth:`act` is.

        By default a step leaves no trace. Raises what :meth:`act` does.
        """

    @contextlib.contextmanager
    def making(self, name: str) -> Iterator[None]:
        """Make ``name`` within; it was looked up, and isn't there.

        A permanent error says that it wasn't made. After any other end it may be:
        then a revert takes it back, also when the step never comes to its end.
        """
        self.intents.add(name)
        try:
            yield
        except PermanentError:
            self.intents.remove(name)
            raise

    def execute(self) -> dict[str, Any]:
        """Run :meth:`act`; a transient error lets it be tried again."""
        return self._retried(self.act).to_dict()

    def revert(self, result: Any, **_: Any) -> None:
        """Undo what this step made, whether it was completed or failed on the way."""
        completed = isinstance(result, Mapping)
        done = StepResult.from_dict(result) if completed else StepResult(CHANGED, "")
        made = tuple(dict.fromkeys((*done.made, *self.intents.all())))
        if made:
            self._retried(lambda: self.undo(replace(done, made=made)))

    def _retried(self, action: Callable[[], _T]) -> _T:
        """With backoff and full jitter, in the bounds of the policy."""
        policy = self.context.retry
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=(
                tenacity.stop_after_attempt(policy.attempts)
                | tenacity.stop_after_delay(policy.max_elapsed)
            ),
            wait=tenacity.wait_random_exponential(
                multiplier=policy.first_wait, max=policy.max_wait
            ),
            before_sleep=self._warn,
            sleep=self._pause,
            reraise=True,
        )
        return retrying(action)

    def _warn(self, state: tenacity.RetryCallState) -> None:
        failed, action = state.outcome, state.next_action
        assert failed is not None  # noqa: S101 - tenacity has set it
        assert action is not None  # noqa: S101 - this, too
        text = "%s: %s; trying again in %.0f s"
        LOG.warning(text, self.atom_name, failed.exception(), action.sleep)

    def _pause(self, seconds: float) -> None:
        if self.context.cancelled.wait(seconds):
            raise CancelledError(f"wait to retry {self.atom_name}", why="told to stop")
