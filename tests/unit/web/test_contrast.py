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
    ("warn", "card"),
    ("soft", "warn-back"),
]
TEXTLESS = {".pulse"}
"""What bears no text and says nothing, so it may fade."""
STRIPED = ("cut-off", "lost")
"""The states of which page.html draws the bar with a hatch between bar and text."""


def _rules() -> list[tuple[str, str]]:
    """The innermost selectors with their declarations, of all media queries."""
    text = re.sub(r"/\*.*?\*/", "", CSS, flags=re.S)
    found = re.findall(r"([^{}]+)\{([^{}]*)\}", text)
    return [(selector.strip(), body) for selector, body in found]


def _is_faint(declarations: str) -> bool:
    """Whether they let what is behind shine through."""
    found = re.findall(r"opacity:\s*([\d.]+)(%?)", declarations)
    return any(float(value) / (100 if unit else 1) < 1 for value, unit in found)


def _fading() -> set[str]:
    """The animations that fade."""
    frames = r"@keyframes ([\w-]+)\s*\{((?:[^{}]+\{[^{}]*\})+)\s*\}"
    return {name for name, body in re.findall(frames, CSS) if _is_faint(body)}


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


def test_nothing_that_bears_text_is_faint() -> None:
    """In no scheme and at no moment does a text, or what is behind it, fade."""
    fading = _fading()
    faint = {
        selector
        for selector, body in _rules()
        if _is_faint(body) or fading & set(re.findall(r"[\w-]+", body))
    }
    frames = {selector for selector in faint if selector[0].isdigit()}
    assert faint - frames == TEXTLESS
    assert set(re.findall(r"([\w-]+): rgb\([^)]*/", CSS)) == {"--stripe"}
    assert not re.search(r"filter|blend|color-mix", CSS)


def test_a_text_on_stripes_has_a_rim_of_its_bars_colour() -> None:
    """What touches the letters of a hatched bar is the colour that was measured."""
    rules = {
        selector.strip(): body
        for selectors, body in _rules()
        for selector in selectors.split(",")
    }
    for state in STRIPED:
        rim = rules[f".bar:has(.{state}) text"]
        assert "paint-order: stroke; stroke-width: 3px" in rim
    for bar in BARS:
        assert f"stroke: var(--{bar});" in rules[f".bar:has(.{bar}) text"]
