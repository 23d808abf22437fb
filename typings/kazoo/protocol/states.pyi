# The part of kazoo that is used here; it ships no types itself.
class KazooState:
    SUSPENDED: str
    CONNECTED: str
    LOST: str

class KeeperState:
    AUTH_FAILED: str
    CLOSED: str
    CONNECTED: str
    CONNECTED_RO: str
    CONNECTING: str
    EXPIRED_SESSION: str
