# SPDX-License-Identifier: Apache-2.0
"""The table of the key-value servers' errors: which pass by themselves, what helps."""

import pytest
import redis
from etcd3gw import exceptions as etcd
from kazoo import exceptions as kazoo
from kazoo.exceptions import EXCEPTIONS  # type: ignore[attr-defined]
from redis._parsers.base import BaseParser

from amphv2_bootstrap.spec.server_errors.key_value import (
    RULES,
    rule_of,
    rule_of_types,
    words_of,
)


def _redis(answer: str) -> BaseException:
    """The error that redis-py makes of a server's answer."""
    found = BaseParser.parse_error(answer)  # type: ignore[no-untyped-call]
    assert isinstance(found, redis.RedisError)
    return found


@pytest.mark.parametrize(
    ("answer", "is_transient", "word"),
    [
        ("LOADING Redis is loading the dataset in memory", True, "loads its data"),
        ("MASTERDOWN Link with MASTER is down", True, "lost its master"),
        ("NOREPLICAS Not enough good replicas to write.", True, "min-replicas"),
        ("READONLY You can't write against a read only replica.", True, "Sentinel"),
        ("ERR max number of clients reached", True, "maxclients"),
        ("BUSY Redis is busy running a script.", True, "SCRIPT KILL"),
        ("CLUSTERDOWN The cluster is down", False, "Redis Cluster"),
        ("MOVED 3999 127.0.0.1:6381", False, "Redis Cluster"),
        ("NOAUTH Authentication required.", False, "demands a password"),
        ("WRONGPASS invalid username-password pair", False, "Compare"),
        ("ERR invalid password", False, "Compare"),
        (
            "ERR AUTH <password> called without any password configured for the "
            "default user. Are you sure your configuration is correct?",
            False,
            "no password for this user",
        ),
        ("NOPERM this user has no permissions to run 'set'", False, "+@scripting"),
        ("OOM command not allowed when used memory > 'maxmemory'.", False, "maxmemory"),
        ("MISCONF Errors writing to the AOF file: No space left", False, "disk"),
        ("ERR unknown command 'evalsha', with args beginning", False, "rename-command"),
        ("DENIED Redis is running in protected mode", False, "requirepass"),
        ("ERR DB index is out of range", False, "jobboard_redis_backend_db"),
        ("WRONGTYPE Operation against a key", False, "jobboard_backend_namespace"),
        ("ERR something else", False, "Fix the server"),
    ],
)
def test_redis(answer: str, is_transient: bool, word: str) -> None:
    """An answer of Redis has advice about itself, also where redis-py cut its code."""
    for words in (words_of(_redis(answer)), answer):
        rule = rule_of("redis", words)
        if rule is None and "something else" in answer:
            continue  # without its class, an unknown answer has no rule
        assert rule is not None
        assert rule.is_transient == is_transient
        assert word in rule.advice


@pytest.mark.parametrize(
    ("driver", "error", "is_transient", "word"),
    [
        ("zookeeper", kazoo.NoAuthError("/octavia_jobboard"), False, "create nodes"),
        ("zookeeper", kazoo.InvalidACLError(), False, "create nodes"),
        ("zookeeper", kazoo.AuthFailedError(), False, "demand a login"),
        ("zookeeper", kazoo.SessionClosedRequireSaslError(), False, "demand a login"),
        ("zookeeper", kazoo.QuotaExceededError(), False, "setquota"),
        ("zookeeper", EXCEPTIONS[-6](), False, "too old"),
        ("zookeeper", EXCEPTIONS[-5](), False, "jute.maxbuffer"),
        ("zookeeper", EXCEPTIONS[-119](), True, "majority"),
        ("zookeeper", kazoo.ConnectionLoss(), True, "majority"),
        ("zookeeper", kazoo.SessionExpiredError(), True, "majority"),
        ("etcd", etcd.Etcd3Exception("etcdserver: no leader"), True, "majority"),
        (
            "etcd",
            etcd.ConnectionFailedError("etcdserver: request timed out"),
            True,
            "majority",
        ),
        ("etcd", etcd.Etcd3Exception("too many requests"), True, "too slow"),
        (
            "etcd",
            etcd.Etcd3Exception("etcdserver: mvcc: database space exceeded"),
            False,
            "defragment",
        ),
        ("etcd", etcd.Etcd3Exception("etcdserver: corrupt cluster"), False, "differ"),
        (
            "etcd",
            etcd.Etcd3Exception("etcdserver: user name is empty"),
            False,
            "auth disable",
        ),
        (
            "etcd",
            etcd.Etcd3Exception("etcdserver: permission denied"),
            False,
            "auth disable",
        ),
        (
            "etcd",
            etcd.Etcd3Exception("Client sent an HTTP request to an HTTPS server."),
            False,
            "use_ssl",
        ),
        (
            "etcd",
            etcd.InternalServerError("etcdserver: rpc not supported for learner"),
            False,
            "promote",
        ),
        ("etcd", etcd.ConnectionFailedError("refused"), True, "firewall"),
        ("etcd", etcd.Etcd3Exception("404 page not found"), False, "api_path"),
    ],
)
def test_zookeeper_and_etcd(
    driver: str, error: BaseException, is_transient: bool, word: str
) -> None:
    """An error of their client libraries has advice about itself."""
    rule = rule_of(driver, words_of(error))
    assert rule is not None
    assert rule.is_transient == is_transient
    assert word in rule.advice


def test_the_first_cause_with_a_rule_counts_whatever_wraps_it() -> None:
    """A chain as Octavia's Python reports it is judged by its own library's rules."""
    rule = rule_of_types(
        [
            ("taskflow.exceptions.JobFailure", "Failed to communicate with redis"),
            ("redis.exceptions.BusyLoadingError", "Redis is loading the dataset"),
        ]
    )
    assert rule is not None
    assert rule.is_transient
    assert rule_of_types([("builtins.OSError", "LOADING")]) is None


def test_what_no_library_said_has_no_rule() -> None:
    """An error that isn't in the table gets no wrong advice."""
    for driver in RULES:
        assert rule_of(driver, "KeyError: 'x'") is None
    assert rule_of("sql", "ConnectionError: x") is None
