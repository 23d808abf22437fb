# The part of taskflow that is used here; it ships no types itself.
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from taskflow.jobs import base

class EtcdJob(base.Job):
    def __init__(
        self, board: Any, name: str, client: Any, key: str, **fields: Any
    ) -> None: ...
    @property
    def key(self) -> str: ...

class EtcdJobBoard(base.JobBoard):
    ETCD_CONFIG_OPTIONS: ClassVar[tuple[tuple[str, Callable[[Any], Any]], ...]]
    JOB_PREFIX: ClassVar[str]
    SEQUENCE_KEY: ClassVar[str]
    DATA_POSTFIX: ClassVar[str]
    LOCK_POSTFIX: ClassVar[str]
    LAST_MODIFIED_POSTFIX: ClassVar[str]
    _client: Any
    _open_close_lock: threading.RLock
    _root_path: str
    def __init__(
        self, name: str, conf: Any, client: Any = None, persistence: Any = None
    ) -> None: ...
    def _create_path(self, root: str, *args: str) -> str: ...
    def _fetch_jobs(
        self, only_unclaimed: bool = False, ensure_fresh: bool = False
    ) -> list[Any]: ...
