# The part of taskflow that is used here; it ships no types itself.
from typing import Any

def db_sync(connection: Any, revision: str = "head") -> None: ...
