# The part of taskflow that is used here; it ships no types itself.
import enum
from collections.abc import Mapping
from typing import Any

class JobPriority(enum.Enum):
    VERY_HIGH = "VERY_HIGH"
    HIGH = "HIGH"
    NORMAL = "NORMAL"
    LOW = "LOW"
    VERY_LOW = "VERY_LOW"
    @classmethod
    def convert(cls, value: Any) -> JobPriority: ...

class Job:
    _board: Any
    def __init__(
        self,
        board: Any,
        name: str,
        uuid: str | None = None,
        details: Mapping[str, Any] | None = None,
        backend: Any = None,
        book: Any = None,
        book_data: Mapping[str, Any] | None = None,
    ) -> None: ...
    @property
    def board(self) -> Any: ...
    @property
    def name(self) -> str: ...
    @property
    def uuid(self) -> str: ...
    @property
    def details(self) -> Mapping[str, Any]: ...
    @property
    def book(self) -> Any: ...
    @property
    def book_uuid(self) -> str | None: ...
    @property
    def book_name(self) -> str | None: ...
    @property
    def state(self) -> str: ...
    @property
    def priority(self) -> JobPriority: ...

class JobBoard:
    _conf: Any
    def __init__(self, name: str, conf: Mapping[str, Any]) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def connected(self) -> bool: ...
    def connect(self) -> None: ...
    def close(self) -> None: ...

def format_posting(
    uuid: str,
    name: str,
    created_on: Any = None,
    last_modified: Any = None,
    details: Mapping[str, Any] | None = None,
    book: Any = None,
    priority: JobPriority = ...,
) -> dict[str, Any]: ...
