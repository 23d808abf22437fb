# SPDX-License-Identifier: Apache-2.0
"""What this process counts while a test does something."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from amphv2_bootstrap.engine.measures import MEASURES, Event


@contextlib.contextmanager
def counted() -> Iterator[Counter[tuple[Event, str]]]:
    """How many more of each there are at the end of the block."""
    before = Counter(MEASURES.counts())
    found: Counter[tuple[Event, str]] = Counter()
    yield found
    found.update(Counter(MEASURES.counts()) - before)
