# The part of taskflow that is used here; it ships no types itself.
import threading
from typing import Any, ClassVar

from kazoo.client import KazooClient
from taskflow.jobs import base

class ZookeeperJob(base.Job):
    def __init__(
        self, board: Any, name: str, client: Any, path: str, **fields: Any
    ) -> None: ...
    @property
    def path(self) -> str: ...
    @property
    def lock_path(self) -> str: ...
    @property
    def sequence(self) -> int: ...

class ZookeeperJobBoard(base.JobBoard):
    JOB_PREFIX: ClassVar[str]
    LOCK_POSTFIX: ClassVar[str]
    _client: KazooClient
    _open_close_lock: threading.RLock
    def __init__(
        self,
        name: str,
        conf: Any,
        client: Any = None,
        persistence: Any = None,
        emit_notifications: bool = True,
    ) -> None: ...
    @property
    def path(self) -> str: ...
    def _fetch_jobs(self, ensure_fresh: bool = False) -> list[Any]: ...
    def _state_change_listener(self, state: str) -> None: ...
