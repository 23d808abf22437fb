# SPDX-License-Identifier: Apache-2.0
"""Taking secrets out of the words of others, before we repeat them."""

import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"


def scrub(text: str, secrets: Iterable[str]) -> str:
    """``text`` with each secret masked, in every form that foreign programs print.

    The forms: plain, percent-encoded, quoted for SQL, Python and JSON, and with
    ``$`` doubled for oslo.config. Text cut off inside a secret isn't found:
    cut after scrubbing, never before.
    """
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def _forms(secret: str) -> Iterable[str]:
    encoded = (quote(secret, safe=""), quote(secret), quote_plus(secret))
    escaped = (
        secret.replace("'", "''"),
        secret.replace("\\", "\\\\"),
        secret.replace("\\", "\\\\").replace("'", "\\'"),
        secret.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"'),
        json.dumps(secret)[1:-1],
    )
    for form in (secret, *encoded, *escaped):
        yield form
        yield form.replace("$", "$$")
