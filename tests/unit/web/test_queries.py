# SPDX-License-Identifier: Apache-2.0
"""What the alert rules and the dashboard ask Prometheus for is there."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from tests import REPOSITORY
from tests.unit.engine.toys import Cloud
from tests.unit.web.exposed import full

RULES = REPOSITORY / "etc/prometheus/amphv2-bootstrap.rules.yaml"
DASHBOARD = REPOSITORY / "etc/grafana/amphv2-bootstrap.json"
TARGET = {"job", "instance"}
"""The labels that Prometheus itself adds to what it reads."""
Labels = dict[str, dict[str, set[str]]]

_SELECTOR = re.compile(r"\b(amphv2_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")
_SHOWN = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}")


@pytest.fixture
def labels(make_cloud: Callable[..., Cloud], tmp_path: Path) -> Labels:
    """By metric and label: the values that a conductor gives."""
    found: Labels = defaultdict(lambda: defaultdict(set))
    for family in text_string_to_metric_families(full(make_cloud(), tmp_path)):
        for sample in family.samples:
            for name, value in sample.labels.items():
                found[sample.name][name].add(value)
            found[sample.name]  # also of one without labels
    return found


def _queries() -> Iterator[tuple[str, str]]:
    """Each query with the texts that show labels of its result."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"], " ".join(rule["annotations"].values())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


@pytest.mark.parametrize(("query", "shown"), list(_queries()))
def test_queries_ask_for_labels_that_are_there(
    query: str, shown: str, labels: Labels
) -> None:
    """Each metric, label and value of a query is exposed, and what is shown is left."""
    grouped = _words(" ".join(_GROUPING.findall(query)))
    selectors = _SELECTOR.findall(query)
    assert selectors
    for name, matchers in selectors:
        assert name in labels, name
        for label, wanted in _MATCHER.findall(matchers):
            assert set(wanted.split("|")) <= labels[name][label], (name, label)
        assert grouped <= set(labels[name]) | TARGET, name
        left = grouped if _is_aggregated(query) else set(labels[name]) | TARGET
        assert set(_SHOWN.findall(shown)) <= left


def _is_aggregated(query: str) -> bool:
    return re.match(r"(sum|max|min|avg|count)\b", query) is not None


@pytest.mark.parametrize(("query", "shown"), list(_queries()))
def test_counters_are_asked_for_their_increase(query: str, shown: str) -> None:
    """A counter begins anew with each start; a gauge has no rate."""
    increasing = re.findall(r"\b(?:rate|increase)\((amphv2_\w+)", query)
    every = [name for name, _ in _SELECTOR.findall(query)]
    counters = [name for name in every if name.endswith(("_total", "_sum", "_count"))]
    assert increasing == counters, shown


def test_a_host_that_was_never_verified_raises_an_alert(labels: Labels) -> None:
    """Its metric of the last success is missing, so no comparison can fire."""
    queries = [query for query, _ in _queries()]
    verified = "amphv2_last_successful_verify_timestamp_seconds"
    never = f"amphv2_build_info unless on (job, instance) {verified}"
    assert never in queries
    assert {"amphv2_build_info", verified} <= set(labels)
