# The part of taskflow that is used here; it ships no types itself.
from collections.abc import Mapping
from typing import Any

from kazoo.client import KazooClient

def make_client(conf: Mapping[str, Any]) -> KazooClient: ...
def finalize_client(client: KazooClient) -> None: ...
