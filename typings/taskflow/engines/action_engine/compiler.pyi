from typing import Any

ATOMS: tuple[Any, ...]
