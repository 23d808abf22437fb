# SPDX-License-Identifier: Apache-2.0
"""What each error of Redis, Sentinel, ZooKeeper and etcd means, and what helps.

Imports no client library: the rules go by the names of the exceptions and by the
servers' words, so they fit this program's clients and, in its Python, Octavia's.
redis-py cuts off the code that begins an answer where it has a class for it. Sources:
``src/server.c`` of Redis, ``EXCEPTION_CLASSES`` of redis-py, ``kazoo/exceptions.py``,
``api/v3rpc/rpctypes/error.go`` of etcd.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_REDIS_RIGHTS = (
    "Allow the user all that Octavia does: keys NAMESPACE:* with the commands "
    "+@read +@write +@transaction +@scripting +@connection +info."
)
_REPLICA = (
    "It is a replica: wait for the end of a fail-over; or else configure the address "
    "of the master, or use Sentinel (jobboard_redis_sentinel)."
)
_CREDENTIALS = (
    "Compare jobboard_backend_username and jobboard_backend_password with the "
    "server's, or those of Sentinel (jobboard_redis_sentinel_password)."
)
_NO_CLUSTER = (
    "It is a Redis Cluster, which Octavia's driver can't use: take a single Redis, or "
    "several with Sentinel."
)
_MAJORITY = "Make sure that a majority of the servers runs and reaches one another."
_NODES = (
    "Allow everybody, or Octavia's address, to create nodes there and delete them: its "
    "driver sends no credentials."
)
_MEMBERS = "Make sure that a majority of the members runs and reaches one another."
_NO_LOGIN = (
    "Turn authentication off (etcdctl auth disable), and protect etcd by TLS client "
    "certificates or a firewall: Octavia's driver sends no password."
)


@dataclass(frozen=True, slots=True)
class Rule:
    """``words`` is a pattern; see :func:`words_of` for the text that it is for."""

    words: str
    is_transient: bool
    advice: str


def _transient(words: str, advice: str) -> Rule:
    return Rule(words, True, advice)


def _permanent(words: str, advice: str) -> Rule:
    return Rule(words, False, advice)


RULES: dict[str, tuple[Rule, ...]] = {
    "redis": (
        _transient("BusyLoadingError|LOADING", "It still loads its data: wait."),
        _transient(
            "max number of clients reached|MaxClientsError",
            "Wait, or raise maxclients of this Redis.",
        ),
        _transient(
            "MasterDownError|MASTERDOWN",
            "It is a replica that lost its master: wait for the end of a fail-over, or "
            "start the master.",
        ),
        _transient(
            "MasterNotFoundError|SlaveNotFoundError",
            "Wait for the end of a fail-over; or else correct jobboard_redis_sentinel, "
            "hosts and port.",
        ),
        _transient(
            "NOREPLICAS|Not enough good (replicas|slaves)",
            "Start its replicas: min-replicas-to-write asks for more of them.",
        ),
        _transient("ReadOnlyError|READONLY", _REPLICA),
        _transient("TryAgainError|TRYAGAIN", _NO_CLUSTER),
        _transient(
            r"BUSY Redis is busy|\bUNKILLABLE\b",
            "A script holds it up: wait, or end that by SCRIPT KILL.",
        ),
        _permanent(
            r"ClusterDownError|CLUSTERDOWN|MovedError|\bMOVED\b|AskError|"
            "ClusterCrossSlotError|CROSSSLOT",
            _NO_CLUSTER,
        ),
        _permanent(
            "Authentication required|already authenticated|NOAUTH",
            "It demands a password: set jobboard_backend_password (for Sentinel "
            "jobboard_redis_sentinel_password).",
        ),
        _permanent(
            "without any password configured|no password is set",
            "It has no password for this user: set requirepass or an ACL there, or "
            "remove the password from the configuration.",
        ),
        _permanent(
            r"AuthenticationError|AuthorizationError|WRONGPASS|invalid password",
            _CREDENTIALS,
        ),
        _permanent(
            "AuthenticationWrongNumberOfArgs",
            "Redis before 6 knows no user names: upgrade it, or remove "
            "jobboard_backend_username.",
        ),
        _permanent(
            "NoPermissionError|NOPERM|user executing the script|has no permissions",
            _REDIS_RIGHTS,
        ),
        _permanent(
            "OutOfMemoryError|OOM command|used memory > 'maxmemory'",
            "Raise maxmemory, or remove other data from this Redis.",
        ),
        _permanent(
            "MISCONF",
            "It refuses writes since it can't write its own files: look at its log, "
            "and make room on its disk, or correct the rights on its folder (dir).",
        ),
        _permanent(
            "unknown command|Unknown Redis command|unknown subcommand",
            "The command is renamed or disabled there (rename-command), or what "
            "answers is a proxy or too old: Octavia needs Redis 5.0 or later with its "
            "usual commands.",
        ),
        _permanent(
            "protected mode",
            "Set bind and a password there (requirepass or an ACL), and "
            "jobboard_backend_password here.",
        ),
        _permanent(
            "DB index is out of range|invalid DB index",
            "Correct jobboard_redis_backend_db, or raise databases in redis.conf.",
        ),
        _permanent(
            "WRONGTYPE",
            "Another program keeps data of other types under these keys: choose "
            "another jobboard_backend_namespace.",
        ),
        _permanent(
            "InvalidResponse|Protocol Error",
            "Correct host and port: no Redis answers there.",
        ),
        _transient(
            r"\b(ConnectionError|TimeoutError)\b",
            "Start the server, or correct host, port, firewall and TLS options.",
        ),
        _permanent(
            r"\b(ResponseError|DataError|RedisError)\b",
            "Fix the server: Octavia would get the same answer.",
        ),
    ),
    "zookeeper": (
        _permanent(
            "AuthFailedError|SessionClosedRequireSasl",
            "The servers demand a login, and Octavia's driver sends none: turn off "
            "enforce.auth.enabled or sessionRequireClientSASLAuth, and protect "
            "ZooKeeper by TLS or a firewall.",
        ),
        _permanent("NoAuthError|InvalidACLError", _NODES),
        _permanent(
            "QuotaExceededError",
            "Raise the quota of that node (setquota), or remove what fills it.",
        ),
        _permanent(
            "UnimplementedError",
            "The servers are too old for this client: upgrade them.",
        ),
        _permanent(
            r"MarshallingError|Len error|OutOfMemory",
            "A node or an answer is larger than jute.maxbuffer: raise it on the "
            "servers, or remove old nodes.",
        ),
        _permanent(
            "not in the whitelist",
            "Set 4lw.commands.whitelist=envi,srvr in zoo.cfg of every server, and "
            "restart them one by one.",
        ),
        _transient("not currently serving requests|NotReadOnlyCallError", _MAJORITY),
        _transient("NewConfigNoQuorum|ReconfigInProcess", _MAJORITY),
        _transient(
            "ThrottledOp|Too many connections",
            "The servers limit the load: wait, or raise maxClientCnxns.",
        ),
        _transient(
            "KazooTimeoutError|ConnectionLoss|ConnectionDropped|ConnectionClosedError|"
            "SessionExpiredError|SessionMovedError|OperationTimeoutError",
            "Make sure that a majority of the servers runs, and that host, port, "
            "firewall and TLS options are right.",
        ),
    ),
    "etcd": (
        _permanent(
            "space exceeded|NOSPACE",
            "Compact and defragment etcd, raise its quota, and disarm the alarm.",
        ),
        _permanent(
            r"\bCORRUPT\b|corrupt cluster",
            "A member's data differ from the others': remove that member, and add it "
            "again with an empty folder; then disarm the alarm.",
        ),
        _permanent(
            "user name|permission denied|auth(entication)? (is |failed)|auth token|"
            "PermissionDenied|Unauthenticated",
            _NO_LOGIN,
        ),
        _permanent(
            "request is too large|too many operations",
            "Raise max-request-bytes and max-txn-ops of etcd to its defaults or more.",
        ),
        _permanent(
            "HTTP request to an HTTPS server",
            "It speaks TLS only: add use_ssl:True to jobboard_etcd_ssl_options.",
        ),
        _permanent(
            "not supported for learner",
            "The member is a learner: promote it, or configure another one.",
        ),
        # requests can't find a file.
        _permanent("suitable TLS|the TLS", "Correct jobboard_etcd_ssl_options."),
        _transient("no leader|leader changed|not leader", _MEMBERS),
        _transient("unhealthy cluster|previous leader failure", _MEMBERS),
        _transient(
            "too many requests|ResourceExhausted",
            "Its disk or network is too slow for its load: wait, or relieve it.",
        ),
        _transient("server stopped|member not found", "Start that member."),
        _transient("etcdserver: request timed out|not capable", _MEMBERS),
        _transient(
            "ConnectionFailedError|ConnectionTimeoutError|InternalServerError|"
            "WatchTimedOut",
            "Start the server, or correct host, port, firewall and "
            "jobboard_etcd_ssl_options.",
        ),
        _permanent(
            "Etcd3Exception|ApiVersionDiscovery|PreconditionFailed",
            "Make sure that host, port and jobboard_etcd_api_path are those of etcd.",
        ),
    ),
}
"""By the first word of Octavia's driver. The first rule that fits counts."""

_LIBRARIES = {"redis": "redis", "kazoo": "zookeeper", "etcd3gw": "etcd"}


def rule_of(driver: str, words: str) -> Rule | None:
    """The first rule that fits; None for an error that isn't in the table."""
    for rule in RULES.get(driver, ()):
        if re.search(rule.words, words):
            return rule
    return None


def rule_of_types(causes: Iterable[tuple[str, str]]) -> Rule | None:
    """The rule for an error and its causes, each a type's full name and a text."""
    pairs = list(causes)
    words = "\n".join(f"{name.rpartition('.')[2]}: {text}" for name, text in pairs)
    for name, _ in pairs:
        driver = _LIBRARIES.get(name.partition(".")[0])
        if driver:
            return rule_of(driver, words)
    return None


def is_foreign(exc: BaseException) -> bool:
    """Whether it isn't a client library's own error, so that it may quote a secret.

    ssl's errors are both OSError and ValueError, and say what is wrong.
    """
    foreign = isinstance(exc, KeyError | ValueError | TypeError)
    return foreign and not isinstance(exc, OSError)


def words_of(exc: BaseException | None) -> str:
    """``Type: text`` of an error and of those that led to it, one a line."""
    lines = []
    while exc is not None:
        # etcd3gw keeps the server's own text in detail_text.
        text = getattr(exc, "detail_text", None) or str(exc)
        lines.append(f"{type(exc).__name__}: {text}")
        exc = exc.__cause__ or exc.__context__
    return "\n".join(lines)
