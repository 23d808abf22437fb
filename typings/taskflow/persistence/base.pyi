# The part of taskflow that is used here; it ships no types itself.
from typing import Any

def __getattr__(name: str) -> Any: ...
