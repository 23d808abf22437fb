from collections.abc import Callable
from typing import Any

conversions: dict[Any, Callable[..., Any]]

def escape_item(val: object, charset: str, mapping: Any = ...) -> str: ...
def escape_str(value: str, mapping: Any = ...) -> str: ...
