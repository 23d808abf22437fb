# SPDX-License-Identifier: Apache-2.0
"""Known secrets are masked in every usual spelling."""

import io
import json
import logging
import re
import sys
import traceback
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg
from oslo_log import formatters, log
from pymysql.converters import escape_string  # type: ignore[attr-defined]
from sqlalchemy.engine import URL

from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.masking import (
    MASK,
    Masker,
    MaskingFilter,
    MaskingFormatter,
    passwords_in,
)

SECRET = "p@s:s/w o#%r$d1'\\\"x"
Spelling = Callable[[str], str]


def _small_digits(text: str) -> str:
    return re.sub("%..", lambda found: found[0].lower(), quote(text, safe=""))


SPELLINGS: dict[str, Spelling] = {
    "plain": str,
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded path": quote,
    "percent-encoded form": quote_plus,
    "small digits": _small_digits,
    "SQLAlchemy": lambda text: str(
        URL.create("m", "u", text, "h").render_as_string(hide_password=False)
    )[len("m://u:") : -len("@h")],
    "oslo.config": lambda text: text.replace("$", "$$"),
    "SQL": escape_string,
    "standard SQL": lambda text: text.replace("'", "''"),
    "ZooKeeper or Redis configuration": lambda text: text.replace("\\", "\\\\").replace(
        '"', '\\"'
    ),
    "repr": lambda text: repr(text)[1:-1],
    "ascii": lambda text: ascii(text)[1:-1],
    "bytes": lambda text: repr(text.encode())[2:-1],
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON as it is": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "URL in oslo.config": lambda text: quote(text).replace("$", "$$"),
    "SQL in repr": lambda text: repr(escape_string(text))[1:-1],
    "repr in JSON": lambda text: json.dumps(repr(text)[1:-1])[1:-1],
}
"""The spellings of libraries and servers, most by their own functions."""


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_is_masked(name: str) -> None:
    """A quoted or encoded secret is masked completely, and nothing else is."""
    text = Masker([SECRET]).text(f"before {SPELLINGS[name](SECRET)} after")
    assert text == f"before {MASK} after"


# As a configuration file can hold it; and other letters around it, which are to stay.
_SECRETS = st.text(st.characters(max_codepoint=0x24F, exclude_categories=["C"]))
_SURROUNDINGS = st.text(alphabet="☃☁\n")


@given(
    secret=_SECRETS.filter(lambda text: len(text) >= 4),
    spell=st.sampled_from(list(SPELLINGS.values())),
    before=_SURROUNDINGS,
    after=_SURROUNDINGS,
)
def test_any_secret_in_any_spelling(
    secret: str, spell: Spelling, before: str, after: str
) -> None:
    """A secret of any characters is replaced by the mask completely."""
    text = Masker([secret]).text(f"{before}{spell(secret)}{after}")
    assert text == f"{before}{MASK}{after}"


@given(st.lists(st.text(alphabet="ab", min_size=4), max_size=4), st.text("ab"))
def test_secrets_that_overlap(secrets: list[str], text: str) -> None:
    """Every character of any secret is masked, and every other one stays."""
    hidden = {
        place
        for secret in secrets
        for start in range(len(text))
        if text.startswith(secret, start)
        for place in range(start, start + len(secret))
    }
    left = "".join(text[place] for place in range(len(text)) if place not in hidden)
    assert Masker(secrets).text(text).replace(MASK, "") == left


def test_two_secrets_in_one_place() -> None:
    """Overlapping secrets are masked completely."""
    assert Masker(["abcd-efgh", "efgh-ijklmno"]).text("<abcd-efgh-ijklmno>") == "<***>"


@pytest.mark.parametrize("secret", ["", "a", "abc"])
def test_short_secrets_mask_nothing(secret: str) -> None:
    """Empty and very short secrets are not masked, so texts stay readable."""
    assert Masker([secret, "other"]).text("an abc text") == "an abc text"


def test_a_masker_that_knows_more() -> None:
    """``plus`` makes a masker with more secrets, and leaves the first unchanged."""
    first = Masker(["one-secret"])
    assert first.plus(["another"]).text("one-secret another") == f"{MASK} {MASK}"
    assert first.text("another") == "another"
    assert first.plus([]) is first


def test_values_are_masked_within() -> None:
    """Texts in lists and dicts are masked; keys and other values stay."""
    value = {"a": [SECRET, 1, (SECRET,)], "b": None, SECRET: {"c": SECRET}}
    masked = {"a": [MASK, 1, [MASK]], "b": None, SECRET: {"c": MASK}}
    assert Masker([SECRET]).value(value) == masked


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("plain", set()),
        ("m://o@db/p", set()),
        ("m://o:p%40ss@db/p", {"p%40ss", "p@ss"}),
        ("m://o:p?w@db/p", {"p?w"}),
        ("m://o@db/p?charset=utf8&password=p%2Bw", {"p%2Bw", "p+w"}),
        ("m://o:one@db/p?passwd=two+w&ssl_key_password=three", {"one", "two w"}),
        ("m://o@db/p?password=first&password=second", {"first", "second"}),
    ],
)
def test_passwords_in_a_url(value: str, found: set[str]) -> None:
    """The passwords of a URL are found encoded and decoded, and nothing else."""
    assert passwords_in(value) >= found
    assert not {"utf8", "", "charset", "o", "db", value} & passwords_in(value)


def _logger(formatter: logging.Formatter) -> tuple[logging.Logger, io.StringIO]:
    stream, masker = io.StringIO(), Masker([SECRET])
    handler = logging.StreamHandler(stream)
    handler.setFormatter(MaskingFormatter(formatter, masker))
    handler.addFilter(MaskingFilter(masker))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger, stream


def _oslo_formatter() -> logging.Formatter:
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf([])
    formatter: logging.Formatter = formatters.ContextFormatter(config=conf)
    return formatter


@pytest.mark.parametrize("of_oslo", [False, True], ids=["logging", "oslo.log"])
def test_log_records_are_masked_with_their_tracebacks(of_oslo: bool) -> None:
    """Arguments, exceptions and stacks are masked; foreign texts are left out."""
    logger, stream = _logger(_oslo_formatter() if of_oslo else logging.Formatter())
    try:
        raise ValueError("it was " + SECRET)
    except ValueError:
        logger.exception("failed with %s", SECRET, stack_info=True)
    assert SECRET not in stream.getvalue()
    assert f"failed with {MASK}" in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert "it was" not in stream.getvalue().replace('"it was "', "")


def test_the_debug_log_has_the_masked_text_of_an_error() -> None:
    """The text of an unexpected error, which leads to its cause, is there."""
    logger, stream = _logger(logging.Formatter())
    try:
        raise ValueError("it was " + SECRET)
    except ValueError as exc:
        logger.debug("failed", exc_info=exc)
    assert f"ValueError: it was {MASK}" in stream.getvalue()


def test_our_own_errors_keep_their_text_in_tracebacks() -> None:
    """What led to an error of ours is named by type, the error itself in full."""
    logger, stream = _logger(logging.Formatter())
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as exc:
            raise PermanentError("do it", why="it is missing") from exc
    except PermanentError:
        logger.exception("failed")
    assert "PermanentError: do it: it is missing" in stream.getvalue()
    assert "KeyError\n\nwhich led to" in stream.getvalue()


def test_the_exception_under_way_is_masked() -> None:
    """Of the current exception, which oslo.log appends to warnings, the type stays."""
    logger, stream = _logger(_oslo_formatter())
    try:
        raise RuntimeError("it was " + SECRET)
    except RuntimeError:
        logger.warning("trying again")
    assert stream.getvalue().endswith("trying again: RuntimeError\n")


def test_what_another_handler_gets_is_masked() -> None:
    """A record keeps only the masked text of an exception."""
    logger, _ = _logger(logging.Formatter())
    records: list[logging.LogRecord] = []
    other = logging.Handler()
    other.emit = records.append  # type: ignore[method-assign,assignment]
    logger.addHandler(other)
    try:
        raise ValueError("it was " + SECRET)
    except ValueError:
        text = traceback.format_exc()
        logger.error("failed", exc_info=sys.exc_info())
    assert records[0].exc_info is None
    assert records[0].exc_text == text.partition(": it was")[0]
