# SPDX-License-Identifier: Apache-2.0
"""What all steps share: context, result, retries and revert."""

import abc
import contextlib
import enum
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Protocol, TypeVar

import tenacity
from taskflow import task

from amphv2_bootstrap.adapters.octavia.canary import HeadStart
from amphv2_bootstrap.adapters.octavia.site import asking_once
from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError
from amphv2_bootstrap.spec.model import HostSettings, Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.retry_policy import Failing, RetryPolicy

LOG = logging.getLogger(__name__)

_T = TypeVar("_T")

CHANGED = "changed"
UNCHANGED = "unchanged"
NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step did; persisted and shown to the operator, so without secrets.

    ``made`` names the databases, accounts and files that the step created: a revert
    undoes only these (promise P6). The engine masks secrets in the other texts, but
    never in ``made``, which a revert reads. ``shown`` is what other hosts need not show
    again. ``report`` is for whoever has asked for it; the engine seals it.
    """

    effect: str
    summary: str
    warnings: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    shown: Mapping[str, str] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the database; what is empty of the last two is omitted."""
        found = {
            **asdict(self),
            "warnings": list(self.warnings),
            "made": list(self.made),
        }
        for name in ("shown", "report"):
            if not found[name]:
                del found[name]
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "StepResult":
        """Read :meth:`to_dict`'s form."""
        return cls(
            effect=data["effect"],
            summary=data["summary"],
            warnings=tuple(data.get("warnings", ())),
            made=tuple(data.get("made", ())),
            shown=dict(data.get("shown", {})),
            report=dict(data.get("report", {})),
        )


class Kind(enum.StrEnum):
    """The kinds of changes; public, as a part of the JSON format of ``plan``."""

    SQL = "sql"
    FILE = "file"
    FOLDER = "folder"
    PACKAGE = "package"
    COMMAND = "command"
    RESTART = "restart"


def _done_with_others() -> None:
    """The act of a change that its step carries out together with others."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a step has seen to be needed; shown to the operator, no secret.

    ``on`` is the server, file or host that is changed, ``text`` what is run or written
    there, exactly. ``act`` carries it out.
    """

    kind: Kind
    on: str
    text: str
    act: Callable[[], object] = field(
        default=_done_with_others, repr=False, compare=False
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look has found.

    ``result`` is what the step reports where ``changes`` are none; they are in the
    order in which they are carried out. ``unseen`` says what can't be looked at before
    other steps have done their changes, or without changing anything; a clause.
    """

    result: StepResult
    changes: tuple[Change, ...] = ()
    unseen: str = ""


class Intents(Protocol):
    """The names of what a step of one job makes.

    The engine persists each name before :meth:`add` returns, so a failed step, a
    crash or a dead conductor loses none.
    """

    def add(self, name: str) -> None:
        """Note what the step makes next; it was not there when the step looked."""

    def remove(self, name: str) -> None:
        """Note that this step did not make it."""

    def all(self) -> tuple[str, ...]:
        """The names, in the order in which they were first noted."""


class Unpersisted:
    """The intents of a step that no engine runs; nothing persists them."""

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

    ``cancelled`` is set when the step must stop: the conductor lost its claim, or
    its grace period is over. ``release_controllers`` releases the flow
    ``controller`` of each host (idempotent) and returns the hosts' names. ``shown`` is
    what the cloud's canary of this job has shown, empty if it hasn't or long ago.
    ``ahead`` names the steps of the stages before that will change something: only the
    flows of a plan have any.
    """

    spec: Spec
    host: HostSettings
    secrets: Secrets
    cancelled: threading.Event = field(default_factory=threading.Event)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    release_controllers: Callable[[], tuple[str, ...]] = tuple
    shown: Callable[[], Mapping[str, str]] = dict
    ahead: Callable[[], Collection[str]] = tuple
    head_start: HeadStart = field(default_factory=HeadStart, compare=False)

    def of_each_file(self) -> tuple["Context", ...]:
        """This context once for each octavia.conf, as if it were the only one."""
        return tuple(replace(self, host=host) for host in self.host.of_each_file())


def _unrecorded(_text: str) -> None:
    """Records nothing, for a step that no engine runs."""


class Step(task.Task, metaclass=abc.ABCMeta):
    """A task of a flow; subclasses implement :meth:`look`.

    ``atom_name`` is persisted: public, never renamed without an alias.
    ``version`` is (major, minor); raise the major when new code can't finish a step
    that old code began. ``most_attempts`` bounds the retries beside the policy, where
    each attempt disturbs live traffic.
    """

    atom_name: ClassVar[str]
    version = (1, 0)
    most_attempts: ClassVar[float] = float("inf")

    def __init__(self, context: Context) -> None:
        super().__init__(name=self.atom_name)
        self.context = context
        self.intents: Intents = Unpersisted()
        self.record_retry: Callable[[str], None] = _unrecorded
        # Call it with what comes next, before what no superseded conductor may do.
        self.confirm_claim: Callable[[str], None] = _unrecorded

    @property
    def time_limit(self) -> float | None:
        """Seconds that an attempt may take before the engine gives it up.

        None is ``[conductor] step_timeout``. Where the bounds of a step are configured,
        it gives more than their sum.
        """
        return None

    @property
    @abc.abstractmethod
    def aim(self) -> str:
        """Imperative summary for ``plan``, without secrets; contacts nothing."""

    @abc.abstractmethod
    def look(self, ahead: Collection[str] = ()) -> Seen:
        """Look things up and compare; change nothing.

        ``plan`` shows what this sees, and :meth:`act` carries out the same.

        :param ahead: the steps that will change something before this one: only
            ``plan`` looks while there are any.
        :raises TransientError: :meth:`execute` tries again.
        :raises PermanentError: ends this run of the flow.
        """

    def act(self) -> StepResult:
        """Look, carry out what was seen, and say what was done.

        Safe to run twice, and after a crash in the middle. Raises what :meth:`look`
        raises.
        """
        seen = self.look()
        for change in seen.changes:
            change.act()
        return self.conclude(seen)

    def conclude(self, seen: Seen) -> StepResult:
        """Check what was done, and say it; by default, what was seen."""
        return seen.result

    def undo(self, result: StepResult) -> str | None:
        """Remove what ``result.made`` names; by default nothing. Safe to run twice.

        Returns what it did, for the operator, where that is more than a removal.
        Raises what :meth:`act` raises.
        """
        return None

    @contextlib.contextmanager
    def making(self, name: str) -> Iterator[None]:
        """Note ``name``, which the body makes; the caller has seen that it is missing.

        A permanent error means that it wasn't made, which removes the note. After any
        other end it may exist, so a revert removes it, even if the step never ends.
        """
        self.intents.add(name)
        try:
            yield
        except PermanentError:
            self.intents.remove(name)
            raise

    def execute(self) -> dict[str, Any]:
        """Run :meth:`act`, again after a transient error."""
        return self._retried(self.act).to_dict()

    def revert(self, result: Any, **_: Any) -> dict[str, Any] | None:
        """Undo what this step made, whether it completed or failed."""
        completed = isinstance(result, Mapping)
        done = StepResult.from_dict(result) if completed else StepResult(CHANGED, "")
        made = tuple(dict.fromkeys((*done.made, *self.intents.all())))
        undone = (
            self._retried(lambda: self.undo(replace(done, made=made))) if made else None
        )
        return StepResult(CHANGED, undone).to_dict() if undone else None

    def _retried(self, action: Callable[[], _T]) -> _T:
        """With backoff and full jitter, in the bounds of the policy.

        Each attempt asks Octavia's Python anew what is installed.
        """
        policy = self.context.retry
        failing = Failing(policy.max_elapsed)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=lambda state: (
                failing.is_over() or state.attempt_number >= self.most_attempts
            ),
            wait=tenacity.wait_random_exponential(
                multiplier=policy.first_wait, max=policy.max_wait
            ),
            before_sleep=lambda state: self._report(state, failing),
            sleep=self._pause,
            reraise=True,
        )
        return retrying(asking_once()(action))

    def _report(self, state: tenacity.RetryCallState, failing: Failing) -> None:
        failed, action = state.outcome, state.next_action
        assert failed is not None  # noqa: S101 - tenacity has set it
        assert action is not None  # noqa: S101 - this, too
        text = "%s: %s; trying again in %.0f s"
        LOG.warning(text, self.atom_name, failed.exception(), action.sleep)
        with failing.suspended():  # while the engine's database is away
            self.record_retry(str(failed.exception()))

    def _pause(self, seconds: float) -> None:
        if self.context.cancelled.wait(seconds):
            raise CancelledError(f"wait to retry {self.atom_name}", why="cancelled")
