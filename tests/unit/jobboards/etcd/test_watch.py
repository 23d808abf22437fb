# SPDX-License-Identifier: Apache-2.0
import base64
import json

import pytest

from amphv2_bootstrap.jobboards.etcd import watch


def _event(name: str, **more: object) -> dict[str, object]:
    key = base64.b64encode(f"/taskflow/jobs/board/{name}".encode()).decode()
    return {"kv": {"key": key, "mod_revision": "7"}, **more}


def _message(*events: object) -> bytes:
    return json.dumps({"result": {"header": {}, "events": events}}).encode()


CLAIM = (_event("job1.lock"), _event("job1.last_modified"))


@pytest.mark.parametrize(
    ("message", "is_news"),
    [
        (_message(*CLAIM), False),
        (_message(CLAIM[0]), False),
        (_message(_event("job2.data")), True),
        (_message(*CLAIM, _event("job2.data")), True),
        (_message(_event("job1.lock", type="DELETE")), True),
        (b'{"result":{"header":{},"created":true}}', True),
        (b'{"result":{"header":{},"canceled":true}}', True),
        (b'{"error":{"message":"gone"}}', True),
        (_message({"kv": {"key": "?"}}), True),
        (b"[]", True),
        (b"<html>", True),
    ],
)
def test_only_claims_are_not_news(message: bytes, is_news: bool) -> None:
    """A posted entry, a released one and all that isn't understood are news."""
    assert watch.is_news(message) is is_news


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_messages_are_put_together(size: int) -> None:
    """Messages are whole, however they are cut, without empty or unfinished lines."""
    text = b'{"a": 1}\n\n{"b": 2}\n{"c": 3}\n{"d'
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    found = list(watch.messages(chunks))
    assert found == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']
