# SPDX-License-Identifier: Apache-2.0
"""The time axis of the page: where on it a moment is, in percent of its width.

Time in which nothing happened is cut short, else a job that waited a night for its
operator would be two dots. Elsewhere the axis is linear.
"""

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_BREAK_PART = 0.06
"""How much of the width a gap has that is cut short."""
_LONG_PART = 0.3
"""A gap longer than this part of the busy time is cut short ..."""
_LONG_SECONDS = 30.0
"""... unless it is shorter than this."""
_TICKS = 7
_TEXT = 8.5
"""How much of the width the text of a tick takes, in percent ..."""
_NARROW_TEXT = 21.0
"""... and where there is little width, on a phone."""
_BESIDE_BREAK = 0.45
"""How far the text of a break may reach beyond it, in widths of a tick's text."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the axis, with its text; a minor one needs a wide page."""

    at: float
    text: str
    is_minor: bool = False


@dataclass(frozen=True, slots=True)
class Break:
    """A place where time is cut short: from where to where, and how much of it."""

    begin: float
    end: float
    seconds: float


class Axis:
    """Maps epoch seconds to percent; never backwards.

    :param spans: when something happened.
    """

    def __init__(self, spans: Iterable[Span], begin: float, end: float) -> None:
        end = max(end, begin + 1.0)
        gaps = _gaps(spans, begin, end)
        busy = (end - begin) - sum(gap_end - start for start, gap_end in gaps)
        long = max(_LONG_SECONDS, _LONG_PART * busy)
        cut = [gap for gap in gaps if gap[1] - gap[0] > long]
        self._moments, self._places = _pieces(cut, begin, end)
        self.breaks = [
            Break(self.at(start), self.at(gap_end), gap_end - start)
            for start, gap_end in cut
        ]
        self._begin, self._end = begin, end

    def at(self, moment: float) -> float:
        """Where the moment is, in percent; before and after the axis its ends."""
        moments, places = self._moments, self._places
        index = min(max(bisect.bisect_right(moments, moment), 1), len(moments) - 1)
        first, last = moments[index - 1], moments[index]
        part = (moment - first) / (last - first) if last > first else 0.0
        place = places[index - 1] + part * (places[index] - places[index - 1])
        return round(min(max(place, 0.0), 100.0), 3)

    def ticks(self) -> list[Tick]:
        """Marks at round times of the day, none of them where time is cut short."""
        cut = sum(one.seconds for one in self.breaks)
        shown = self._end - self._begin - cut
        step = next((each for each in _STEPS if each * _TICKS >= shown), _STEPS[-1])
        found: list[Tick] = []
        for begin, end in self._shown():
            piece = self.at(begin), self.at(end)
            moment = math.ceil(begin / step) * step
            while moment <= end and len(found) < 4 * _TICKS:
                self._add(found, moment, step, piece)
                moment += step
        return found

    def _add(self, found: list[Tick], moment: float, step: int, piece: Span) -> None:
        place = self.at(moment)
        if not _fits(place, found, _TEXT, piece):
            return
        form = "%H:%M:%S" if step < 60 else "%H:%M"
        text = datetime.fromtimestamp(moment, UTC).strftime(form)
        major = [tick for tick in found if not tick.is_minor]
        found.append(Tick(place, text, not _fits(place, major, _NARROW_TEXT, piece)))

    def _shown(self) -> list[Span]:
        """The pieces of time that are not cut short."""
        pairs = zip(self._moments, self._moments[1:], strict=False)
        places = zip(self._places, self._places[1:], strict=False)
        cut = {(one.begin, one.end) for one in self.breaks}
        return [
            pair
            for pair, (first, last) in zip(pairs, places, strict=True)
            if (round(first, 3), round(last, 3)) not in cut
        ]


def _fits(place: float, before: Sequence[Tick], width: float, piece: Span) -> bool:
    """Whether a text that begins there meets no other, and ends within its piece."""
    beside = _BESIDE_BREAK * width
    first = piece[0] + beside if piece[0] > 0 else 0.0
    last = piece[1] - beside if piece[1] < 100 else 100.0
    if before:
        first = max(first, before[-1].at + width)
    return first <= place <= last - width


def _gaps(spans: Iterable[Span], begin: float, end: float) -> list[Span]:
    found, last = [], begin
    for start, stop in sorted(spans):
        if start > last:
            found.append((last, min(start, end)))
        last = max(last, stop)
    if end > last:
        found.append((last, end))
    return found


def _pieces(
    cut: Sequence[Span], begin: float, end: float
) -> tuple[list[float], list[float]]:
    """The moments where the scale changes, and their places in percent."""
    part = min(_BREAK_PART, 0.5 / max(len(cut), 1))
    shown = (end - begin) - sum(stop - start for start, stop in cut)
    scale = 100.0 * (1 - part * len(cut)) / shown if shown > 0 else 0.0
    moments, places = [begin], [0.0]
    for start, stop in cut:
        if start > moments[-1]:
            places.append(places[-1] + (start - moments[-1]) * scale)
            moments.append(start)
        places.append(places[-1] + 100.0 * part)
        moments.append(stop)
    if end > moments[-1]:
        moments.append(end)
        places.append(100.0)
    return moments, places
