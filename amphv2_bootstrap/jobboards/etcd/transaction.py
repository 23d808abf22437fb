# SPDX-License-Identifier: Apache-2.0
"""Transactions in the format of etcd's JSON gateway: conditions, then changes."""

import base64
from typing import Any

import etcd3gw

Operation = dict[str, Any]


def transact(
    client: etcd3gw.Etcd3Client,
    conditions: list[Operation],
    then: list[Operation],
    otherwise: list[Operation],
) -> tuple[bool, list[list[bytes]]]:
    """Whether ``then`` was done; if not, the values that ``otherwise`` found."""
    result: Any = client.transaction(
        {"compare": conditions, "success": then, "failure": otherwise}
    )
    if result.get("succeeded"):
        return True, []
    found = [
        answer["response_range"].get("kvs", [])
        for answer in result.get("responses", [])
    ]
    return False, [[base64.b64decode(kv["value"]) for kv in kvs] for kvs in found]


def absent(key: str) -> Operation:
    """The key doesn't exist."""
    return _compare(key, "CREATE", "EQUAL", create_revision=0)


def present(key: str) -> Operation:
    """The key exists."""
    return _compare(key, "CREATE", "GREATER", create_revision=0)


def unchanged(key: str, revision: int) -> Operation:
    """The key is as it was when ``revision`` was read."""
    return _compare(key, "MOD", "EQUAL", mod_revision=revision)


def _compare(key: str, target: str, result: str, **revision: int) -> Operation:
    return {"key": encode(key), "target": target, "result": result, **revision}


def put(key: str, value: str, lease_id: int = 0) -> Operation:
    pair = {"key": encode(key), "value": encode(value), "lease": lease_id}
    return {"request_put": pair}


def values_of(key: str) -> Operation:
    return {"request_range": {"key": encode(key)}}


def delete(key: str) -> Operation:
    return {"request_delete_range": {"key": encode(key)}}


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
