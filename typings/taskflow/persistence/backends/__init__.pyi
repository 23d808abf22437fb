# The part of taskflow that is used here; it ships no types itself.
from typing import Any

def fetch(conf: Any, namespace: str = ..., **options: Any) -> Any: ...
