# The part of taskflow that is used here; it ships no types itself.
from collections.abc import Iterable, Mapping
from typing import Any

class Task:
    version: tuple[int, int]
    name: str
    rebind: Mapping[str, str]
    requires: Iterable[str]
    provides: Iterable[str]
    default_provides: Any
    notifier: Any
    inject: Mapping[str, Any]
    def __init__(
        self,
        name: str | None = None,
        provides: Any = None,
        requires: Any = None,
        auto_extract: bool = True,
        rebind: Any = None,
        inject: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None: ...
    def pre_execute(self) -> None: ...
    def execute(self, *args: Any, **kwargs: Any) -> Any: ...
    def post_execute(self) -> None: ...
    def pre_revert(self) -> None: ...
    def revert(self, *args: Any, **kwargs: Any) -> Any: ...
    def post_revert(self) -> None: ...
    def update_progress(self, progress: float) -> None: ...
