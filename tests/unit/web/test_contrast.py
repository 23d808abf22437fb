# SPDX-License-Identifier: Apache-2.0
"""The page's colours are far enough apart to be read (WCAG 2, level AA)."""

import re
from importlib import resources

import pytest

CSS = (resources.files("amphv2_bootstrap.web") / "assets" / "page.css").read_text()
BARS = [f"c{number}" for number in range(6)]
KINDS = ("good", "bad", "warn", "wait")
TEXTS = [
    *((ink, back) for ink in ("ink", "soft", "link") for back in ("back", "card")),
    *((ink, f"{kind}-back") for kind in KINDS for ink in (kind, "ink")),
    *(("bar-ink", bar) for bar in BARS),
]


def _colours(scheme: str) -> dict[str, str]:
    light, _, dark = CSS.partition("@media (prefers-color-scheme: dark)")
    text = light if scheme == "light" else dark.partition("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", text))


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * one for one in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_bars_stand_out(scheme: str) -> None:
    """Text has 4.5:1 on what is behind it, a bar 3:1 on its card."""
    colours = _colours(scheme)
    found = {
        (ink, back): round(_contrast(colours[ink], colours[back]), 2)
        for ink, back in TEXTS
        if _contrast(colours[ink], colours[back]) < 4.5
    }
    bars = {bar: _contrast(colours[bar], colours["card"]) for bar in BARS}
    assert not found
    assert min(bars.values()) >= 3, bars
