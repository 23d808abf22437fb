# The part of taskflow that is used here; it ships no types itself.
from collections.abc import Callable
from typing import Any

def load(
    flow: Any,
    store: Any = None,
    flow_detail: Any = None,
    book: Any = None,
    backend: Any = None,
    namespace: str = ...,
    engine: Any = None,
    **options: Any,
) -> Any: ...
def run(flow: Any, *args: Any, **options: Any) -> dict[str, Any]: ...
def flow_from_detail(flow_detail: Any) -> Any: ...
def load_from_detail(flow_detail: Any, *args: Any, **options: Any) -> Any: ...
def save_factory_details(
    flow_detail: Any, flow_factory: Callable[..., Any], *args: Any, **options: Any
) -> None: ...
