# SPDX-License-Identifier: Apache-2.0
"""The metrics in Prometheus's format; documented in metrics.rst."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from amphv2_bootstrap.checks import last_success
from amphv2_bootstrap.engine.description.state import State, state_of
from amphv2_bootstrap.engine.execution.outcome import Outcome
from amphv2_bootstrap.engine.liveness import Liveness
from amphv2_bootstrap.engine.measures import BOUNDS, Event, Measures
from amphv2_bootstrap.engine.records import FlowState
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import BootstrapError

CONTENT_TYPE = CONTENT_TYPE_LATEST
PREFIX = "amphv2_"

_HELP = {
    Event.LEASE_RENEWED: "Renewals of claims by this conductor.",
    Event.LEASE_LOST: "Claims that this conductor lost while it had them.",
    Event.WRITE_FENCED: "Writes that the database refused: another has the flow.",
    Event.FLOW_RUN_ENDED: "Runs of flows by this conductor.",
    Event.STEP_ENDED: "Steps that this conductor ended.",
    Event.DATABASE_FAILED: "Errors of the engine's database, as seen from here.",
    Event.BOARD_FAILED: "Errors of the jobboard, as seen from here.",
}
_LABELS = {
    Event.LEASE_RENEWED: ("renewed", "failed"),
    Event.FLOW_RUN_ENDED: tuple(outcome.value for outcome in Outcome),
    Event.STEP_ENDED: ("done", "failed", "undone", "undo failed"),
    Event.DATABASE_FAILED: ("DatabaseUnavailableError",),
}
"""Labels that are there from the start, so that the first one counts as an increase."""


@dataclass(frozen=True)
class Source:
    """Where the metrics come from."""

    measures: Measures
    store: Callable[[], Store]
    owner: str
    version: str
    state_path: str


class Collector:
    """What prometheus_client asks at each scrape."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """All metrics; without those of the database while it is away."""
        version = {"version": self._source.version}
        yield InfoMetricFamily(f"{PREFIX}build", "The package.", value=version)
        yield from _counters(self._source.measures)
        yield _durations(self._source.measures)
        yield from _verified(self._source.state_path)
        try:
            state = state_of(self._source.store())
        except BootstrapError:
            yield _gauge("database_up", _UP, 0)
            return
        yield _gauge("database_up", _UP, 1)
        yield from _gauges(state, self._source.owner)


_UP = "Whether the engine's database answers this conductor."


def exposition(source: Source) -> bytes:
    """All metrics, now."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(source))
    return generate_latest(registry)


def _counters(measures: Measures) -> Iterator[Metric]:
    counts = measures.counts()
    for event in Event:
        names = [event.label] if event.label else []
        text = _HELP[event]
        family = CounterMetricFamily(PREFIX + event.measure, text, labels=names)
        seen = [label for known, label in counts if known is event]
        for label in dict.fromkeys([*_LABELS.get(event, ()), *seen] or [""]):
            values = [label] if event.label else []
            family.add_metric(values, counts.get((event, label), 0))
        yield family


def _durations(measures: Measures) -> Metric:
    family = HistogramMetricFamily(
        f"{PREFIX}step_duration_seconds",
        "How long steps took on this conductor, with all their attempts.",
        labels=["step"],
    )
    for step, (counts, total) in measures.steps().items():
        so_far, buckets = 0, []
        for bound, count in zip([*map(str, BOUNDS), "+Inf"], counts, strict=True):
            so_far += count
            buckets.append((bound, so_far))
        family.add_metric([step], buckets, total)
    return family


def _verified(state_path: str) -> Iterator[Metric]:
    found = last_success.noted_at(state_path)
    if found is not None:
        text = "When verify last succeeded on this conductor's host."
        yield _gauge("last_successful_verify_timestamp_seconds", text, found)


def _gauges(state: State, owner: str) -> Iterator[Metric]:
    yield _by_label(
        "flows",
        "Flows in the engine's database.",
        "state",
        {each.value: state.flows.get(each, 0) for each in FlowState}.items(),
    )
    yield _gauge(
        "oldest_ready_flow_age_seconds",
        "For how long the flow that is ready longest waits for a conductor; 0: none.",
        state.oldest_ready,
    )
    found = [row.liveness for row in state.conductors]
    yield _by_label(
        "conductors",
        "Conductors that have not ended in good order.",
        "state",
        ((each.value, found.count(each)) for each in Liveness),
    )
    ages: dict[str, float] = {}
    for row in state.conductors:
        ages[row.host] = min(max(row.age, 0.0), ages.get(row.host, row.age))
    yield _by_label(
        "conductor_last_seen_seconds",
        "Seconds since the last sign of life of the host's conductor.",
        "host",
        ages.items(),
    )
    mine = [row for row in state.conductors if row.owner == owner]
    if mine:
        is_up = mine[0].board_error is None
        yield _gauge("board_up", "Whether this conductor reaches its jobboard.", is_up)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def _by_label(
    name: str, text: str, label: str, values: Iterable[tuple[str, float]]
) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, text, labels=[label])
    for each, value in values:
        family.add_metric([each], value)
    return family
