# SPDX-License-Identifier: Apache-2.0
"""Requests to the status page of a conductor, and the numbers of its metrics."""

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Page:
    """Where a conductor serves it, and how to ask."""

    port: int
    tls: ssl.SSLContext | None = None

    def ask(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, str]:
        """Status and body of the answer."""
        connection = (
            http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=30, context=self.tls
            )
            if self.tls
            else http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        )
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def tried(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Status and body of the answer; 0 and nothing while there is none."""
        try:
            return self.ask(path, headers)
        except (OSError, http.client.HTTPException):
            return 0, ""

    def metrics(self) -> "Metrics":
        status, text = self.ask("/metrics")
        assert status == 200, text
        return Metrics(text)


class Metrics:
    """What Prometheus would read from one scrape."""

    def __init__(self, text: str) -> None:
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The value under exactly these labels, without the prefix of the name."""
        return self._values[f"amphv2_{name}", frozenset(labels.items())]
