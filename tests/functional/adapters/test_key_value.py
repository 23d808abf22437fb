# SPDX-License-Identifier: Apache-2.0
"""The key-value checks against real Redis, Sentinel, ZooKeeper and etcd."""

import base64
import contextlib
import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kazoo.security import ACL, make_acl

from amphv2_bootstrap.adapters import key_value
from amphv2_bootstrap.adapters.key_value import zookeeper
from amphv2_bootstrap.errors import BootstrapError, PermanentError, TransientError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec, Value
from amphv2_bootstrap.spec.secret import Secrets
from tests.servers.certificates import Authority
from tests.servers.etcd import (
    EtcdServer,
    running_etcd,
    running_etcd_cluster,
    ssl_options,
)
from tests.servers.process import free_port, running
from tests.servers.redis import (
    HOST,
    PASSWORD,
    RedisServer,
    Sentinels,
    running_redis,
)
from tests.servers.zookeeper import (
    ZookeeperServer,
    running_zookeeper,
    zookeeper_client,
)

check = partial(key_value.check, timeout=60.0)  # a slow machine must not fail it
NAMESPACE = "octavia_jobboard"
GOOD = Secrets({"jobboard_backend_password": PASSWORD})


def spec_for(
    driver: str, port: int, hosts: tuple[str, ...] = (HOST,), /, **options: Value
) -> Spec:
    """A specification with this backend."""
    task_flow: Mapping[str, Value] = {
        "jobboard_enabled": True,
        "jobboard_backend_driver": f"{driver}_taskflow_driver",
        "jobboard_backend_hosts": hosts,
        "jobboard_backend_port": port,
        "jobboard_backend_namespace": NAMESPACE,
        **options,
    }
    return Spec(DatabaseUrl("mysql+pymysql"), task_flow, ("ctl1",))


def refusal(spec: Spec, secrets: Secrets) -> BootstrapError:
    """The error of the check, which holds no secret."""
    with pytest.raises(BootstrapError) as caught:
        check(spec, secrets)
    for secret in secrets.values():
        assert secret.reveal() not in str(caught.value)
    assert caught.value.todo
    return caught.value


def contents(server: RedisServer) -> set[Any]:
    with contextlib.closing(server.client()) as client:
        return set(client.scan_iter())


# Redis


def test_sound_redis_passes_without_warnings(redis_server: RedisServer) -> None:
    """A server with password, append-only file and noeviction has no warnings."""
    before = contents(redis_server)
    assert check(spec_for("redis", redis_server.port), GOOD) == ()
    assert contents(redis_server) <= before  # other tests' claims expire


@pytest.mark.parametrize("password", ["wrong-pass-word", None])
def test_redis_with_wrong_or_no_password(
    redis_server: RedisServer, password: str | None
) -> None:
    """Wrong credentials are a permanent error that says what to compare."""
    secrets = Secrets({"jobboard_backend_password": password})
    error = refusal(spec_for("redis", redis_server.port), secrets)
    assert isinstance(error, PermanentError)
    assert "password" in error.todo
    assert f"{HOST}:{redis_server.port}" in str(error)


def test_redis_open_to_everybody(tmp_path: Path) -> None:
    """A Redis without a password, which accepts any password, gives a warning."""
    options = ['requirepass ""', "protected-mode no"]
    with running_redis(tmp_path, options=options) as server:
        (warning,) = check(spec_for("redis", server.port), GOOD)
    assert "without a password" in warning


def test_redis_that_is_down_is_transient() -> None:
    """A closed port is a transient error."""
    assert isinstance(refusal(spec_for("redis", free_port()), GOOD), TransientError)


def test_tls_towards_a_plain_redis(redis_server: RedisServer) -> None:
    """TLS to a plain port times out; the advice names TLS."""
    tls = {"ssl": "True", "ssl_cert_reqs": "none"}
    spec = spec_for("redis", redis_server.port, jobboard_redis_backend_ssl_options=tls)
    with pytest.raises(TransientError, match="TLS"):
        key_value.check(spec, GOOD, timeout=1.0)


def test_replica_is_refused_with_its_master(redis_sentinels: Sentinels) -> None:
    """A replica is refused; the error names its master."""
    master = redis_sentinels.master()
    replica = next(node for node in redis_sentinels.nodes if node is not master)
    error = refusal(spec_for("redis", replica.port), GOOD)
    assert isinstance(error, PermanentError)
    assert f"replica of {HOST}:{master.port}" in error.why


def test_cluster_mode_is_refused(tmp_path: Path) -> None:
    """Cluster mode puts a job's keys in several slots, so it is refused."""
    # The default port of the cluster's bus is out of range for high ports.
    options = ["cluster-enabled yes", f"cluster-port {free_port()}"]
    with running_redis(tmp_path, options=options) as server:
        error = refusal(spec_for("redis", server.port), GOOD)
    assert isinstance(error, PermanentError)
    assert "cluster mode" in error.why


def test_eviction_with_a_limit_is_refused(tmp_path: Path) -> None:
    """A Redis that may evict keys is refused, since it loses jobs."""
    options = ["maxmemory 100mb", "maxmemory-policy allkeys-lru"]
    with running_redis(tmp_path, options=options) as server:
        error = refusal(spec_for("redis", server.port), GOOD)
        assert isinstance(error, PermanentError)
        assert "noeviction" in error.todo
        with contextlib.closing(server.client()) as client:
            client.config_set("maxmemory-policy", "noeviction")
        assert check(spec_for("redis", server.port), GOOD) == ()


def test_unfit_but_working_settings_are_warnings(tmp_path: Path) -> None:
    """Eviction without a limit, nothing on disk, an unused host: three warnings."""
    options = ["maxmemory-policy volatile-lru", "appendonly no", 'save ""']
    with running_redis(tmp_path, options=options) as server:
        spec = spec_for("redis", server.port, (HOST, "nowhere.invalid"))
        unused, memory, disk = check(spec, GOOD)
    assert "nowhere.invalid" in unused
    assert "volatile-lru" in memory
    assert "nothing on disk" in disk


def test_full_redis_is_refused(tmp_path: Path) -> None:
    """A full server with noeviction is a permanent error."""
    with running_redis(tmp_path, options=["maxmemory 1"]) as server:
        error = refusal(spec_for("redis", server.port), GOOD)
    assert isinstance(error, PermanentError)
    assert "maxmemory" in error.todo


USER_PASSWORD = "acl-p@ss:w/rd#%$"
OCTAVIA_RIGHTS = (
    f"~{NAMESPACE}:* +@read +@write +@transaction +@scripting +@connection +info"
)


@contextlib.contextmanager
def redis_with_user(
    folder: Path, rights: str, *options: str
) -> Iterator[tuple[Spec, Secrets]]:
    user = f"user octavia on >{USER_PASSWORD} {rights}"
    with running_redis(folder, options=[user, *options]) as server:
        spec = spec_for("redis", server.port, jobboard_backend_username="octavia")
        yield spec, Secrets({"jobboard_backend_password": USER_PASSWORD})
        assert not contents(server)


def test_redis_user_with_all_rights(tmp_path: Path) -> None:
    """The check logs in as a user of the access list."""
    with redis_with_user(tmp_path, "~* &* +@all") as (spec, secrets):
        assert check(spec, secrets) == ()


def test_redis_user_with_just_octavias_rights(tmp_path: Path) -> None:
    """The rights in our advice are enough; warnings say what can't be checked."""
    with redis_with_user(tmp_path, OCTAVIA_RIGHTS, "appendonly no") as granted:
        settings, nothing_written = check(*granted)
    assert "settings" in settings
    assert "nothing was written" in nothing_written


TASKFLOWS = (
    *("ping", "incrby", "hsetnx", "hlen", "hgetall", "hget", "hset", "hdel"),
    *("get", "set", "pexpire", "del", "hexists", "exists"),
    *("watch", "multi", "script|load", "evalsha"),
)
"""The commands that taskflow's jobboard sends, directly or in a script."""


@pytest.mark.parametrize(
    "rights",
    [
        "~other:* +@all",
        f"~{NAMESPACE}:* +@all -info",
        f"~{NAMESPACE}:* +@all -@scripting",
        f"%R~{NAMESPACE}:* +@all",
        *(f"~* +@all -{command}" for command in TASKFLOWS),
        f"~{NAMESPACE}:* +@all -pexpire",
    ],
)
def test_redis_user_with_too_few_rights(tmp_path: Path, rights: str) -> None:
    """A missing right that Octavia's jobboard needs is a permanent error."""
    with redis_with_user(tmp_path, rights) as granted:
        error = refusal(*granted)
    assert isinstance(error, PermanentError)
    assert "Allow the user" in error.todo


# Sentinel


def sentinel_spec(cloud: Sentinels, **options: Value) -> Spec:
    return spec_for(
        "redis",
        cloud.sentinels[0].port,
        **{"jobboard_redis_sentinel": cloud.name, **options},
    )


def sentinel_secrets(cloud: Sentinels, **changed: str | None) -> Secrets:
    return Secrets(
        {
            "jobboard_backend_password": cloud.password,
            "jobboard_redis_sentinel_password": cloud.sentinel_password,
            **changed,
        }
    )


def test_sentinel_leads_to_the_master(redis_sentinels: Sentinels) -> None:
    """The check uses each password; a single Sentinel gives a warning."""
    warnings = check(sentinel_spec(redis_sentinels), sentinel_secrets(redis_sentinels))
    assert any("Only one Sentinel" in warning for warning in warnings)
    assert not any("no replica" in warning for warning in warnings)


@pytest.mark.parametrize(
    "secret", ["jobboard_redis_sentinel_password", "jobboard_backend_password"]
)
def test_wrong_password_at_either_level(
    redis_sentinels: Sentinels, secret: str
) -> None:
    """The error names the level, Sentinel or server, with the wrong password."""
    secrets = sentinel_secrets(redis_sentinels, **{secret: "wrong-pass-word"})
    error = refusal(sentinel_spec(redis_sentinels), secrets)
    assert isinstance(error, PermanentError)
    at_sentinel = f":{redis_sentinels.sentinels[0].port}" in error.on
    assert at_sentinel == (secret == "jobboard_redis_sentinel_password")


def test_unknown_master_name(redis_sentinels: Sentinels) -> None:
    """The error lists the masters that Sentinel knows."""
    spec = sentinel_spec(redis_sentinels, jobboard_redis_sentinel="yourmaster")
    error = refusal(spec, sentinel_secrets(redis_sentinels))
    assert isinstance(error, PermanentError)
    assert redis_sentinels.name in error.why


def test_one_of_two_sentinels_is_unreachable(redis_sentinels: Sentinels) -> None:
    """An unreachable Sentinel gives a warning, since Octavia still works."""
    spec = spec_for(
        "redis",
        redis_sentinels.sentinels[0].port,
        (HOST, "127.0.0.77"),
        jobboard_redis_sentinel=redis_sentinels.name,
    )
    warnings = check(spec, sentinel_secrets(redis_sentinels))
    assert any("127.0.0.77" in warning for warning in warnings)


def test_no_sentinel_answers(redis_sentinels: Sentinels) -> None:
    """If no Sentinel answers, the error is transient."""
    spec = spec_for("redis", free_port(), jobboard_redis_sentinel=redis_sentinels.name)
    error = refusal(spec, sentinel_secrets(redis_sentinels))
    assert isinstance(error, TransientError)


# ZooKeeper


def nodes(server: ZookeeperServer) -> set[str]:
    with zookeeper_client(server.port) as client:
        return set(client.get_children("/"))


def test_zookeeper_answers(zookeeper_server: ZookeeperServer) -> None:
    """A single server gives a warning, and the check leaves no node."""
    before = nodes(zookeeper_server)
    spec = spec_for("zookeeper", zookeeper_server.port)
    (warning,) = check(spec, Secrets({}))
    assert "single server" in warning
    assert nodes(zookeeper_server) == before


def test_nested_namespace_is_not_made(zookeeper_server: ZookeeperServer) -> None:
    """The check doesn't make the folders of a missing namespace."""
    spec = spec_for(
        "zookeeper",
        zookeeper_server.port,
        jobboard_backend_namespace="not/yet/there",
    )
    check(spec, Secrets({}))
    assert "not" not in nodes(zookeeper_server)


def test_zookeeper_that_is_down_is_transient() -> None:
    """A closed port is a transient error."""
    error = refusal(spec_for("zookeeper", free_port()), Secrets({}))
    assert isinstance(error, TransientError)


def test_zookeeper_that_may_not_be_written(tmp_path: Path) -> None:
    """A root that Octavia may not write is a permanent error."""
    with running_zookeeper(tmp_path) as server:
        with zookeeper_client(server.port) as client:
            client.set_acls("/", _read_only())
        error = refusal(spec_for("zookeeper", server.port), Secrets({}))
    assert isinstance(error, PermanentError)
    assert "create nodes" in error.todo


def _read_only() -> list[ACL]:
    return [make_acl("world", "anyone", read=True, admin=True)]


@pytest.mark.parametrize("folder", [NAMESPACE, ".trash"])
def test_zookeeper_folder_of_octavia_that_may_not_be_written(
    folder: str, tmp_path: Path
) -> None:
    """A closed folder of Octavia's is an error that names it, even if root is open."""
    with running_zookeeper(tmp_path) as server:
        with zookeeper_client(server.port) as client:
            client.create(f"/{folder}", acl=_read_only())
            before = nodes(server)
        error = refusal(spec_for("zookeeper", server.port), Secrets({}))
        assert nodes(server) == before
    assert isinstance(error, PermanentError)
    assert f"nodes in /{folder}" in error.why


def test_zookeeper_where_only_octavias_own_may_be_written(tmp_path: Path) -> None:
    """Rights on Octavia's own folders are enough, with a warning."""
    with running_zookeeper(tmp_path) as server:
        with zookeeper_client(server.port) as client:
            for path in (NAMESPACE, ".trash", ".entities/conductor"):
                client.ensure_path(f"/{path}")
            client.set_acls("/", _read_only())
        *_, warning = check(spec_for("zookeeper", server.port), Secrets({}))
    assert "Octavia may write nothing beside" in warning


def test_zookeeper_that_hides_its_version(tmp_path: Path) -> None:
    """A server that answers only 'srvr', the default, is refused with advice."""
    with running_zookeeper(tmp_path, words="srvr") as server:
        error = refusal(spec_for("zookeeper", server.port), Secrets({}))
    assert isinstance(error, PermanentError)
    assert "4lw.commands.whitelist=envi,srvr" in str(error)


def test_one_of_two_zookeeper_servers_is_unreachable(
    zookeeper_server: ZookeeperServer,
) -> None:
    """An unreachable server and an even number of servers give two warnings."""
    spec = spec_for("zookeeper", zookeeper_server.port, (HOST, "127.0.0.77"))
    even, away = check(spec, Secrets({}))
    assert "even number" in even
    assert "127.0.0.77" in away


def test_servers_that_each_run_alone(
    zookeeper_server: ZookeeperServer, tmp_path: Path, monkeypatch: Any
) -> None:
    """Two servers that form no ensemble are refused."""
    with running_zookeeper(tmp_path) as other:
        ports = iter([zookeeper_server.port, other.port])
        monkeypatch.setattr(
            zookeeper, "place", lambda host, port: f"{host}:{next(ports)}"
        )
        spec = spec_for("zookeeper", zookeeper_server.port, (HOST, HOST))
        error = refusal(spec, Secrets({}))
    assert isinstance(error, PermanentError)
    assert "does not see" in error.why


def test_bare_ipv6_address_for_zookeeper() -> None:
    """The operator must bracket an IPv6 address, since Octavia's driver doesn't."""
    error = refusal(spec_for("zookeeper", 2181, ("::1",)), Secrets({}))
    assert isinstance(error, PermanentError)
    assert "[::1]" in error.todo


def spec_with_tls(server: ZookeeperServer, **options: str) -> Spec:
    tls = {"use_ssl": "True", **options}
    return spec_for("zookeeper", server.port, jobboard_zookeeper_ssl_options=tls)


def test_zookeeper_over_tls(
    zookeeper_with_tls: ZookeeperServer, authority: Authority, monkeypatch: Any
) -> None:
    """With an authority of the system, the check does all that Octavia does."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    pair = authority.pair("octavia", password="a pass phrase")
    files = {"certfile": str(pair.certificate), "keyfile": str(pair.key)}
    spec = spec_with_tls(zookeeper_with_tls, **files)
    secrets = Secrets({"jobboard_zookeeper_keyfile_password": "a pass phrase"})
    (warning,) = check(spec, secrets)
    assert "single server" in warning


def test_certificates_that_end_soon(tmp_path: Path, monkeypatch: Any) -> None:
    """The check warns of what ZooKeeper and etcd show, 30 days before its end."""
    authority = Authority(tmp_path / "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    pair = authority.pair("octavia")
    monkeypatch.setattr(authority, "pair", partial(authority.pair, days=9.5))
    for name in ("zookeeper", "etcd"):
        (tmp_path / name).mkdir()
    zookeeper = ZookeeperServer(tmp_path / "zookeeper", authority=authority)
    etcd = EtcdServer(tmp_path / "etcd", authority=authority)
    of_zookeeper = {"certfile": str(pair.certificate), "keyfile": str(pair.key)}
    of_etcd = ssl_options(authority, pair)
    with running(zookeeper), running(etcd):
        found = [
            *check(spec_with_tls(zookeeper, **of_zookeeper), Secrets({})),
            *check(
                spec_for("etcd", etcd.port, jobboard_etcd_ssl_options=of_etcd),
                Secrets({}),
            ),
        ]
    ends = [text for text in found if "expires on" in text]
    assert [text.partition(" (")[0] for text in ends] == [
        "The certificate of ZooKeeper",
        "The certificate of etcd",
    ]


def test_zookeeper_over_tls_is_verified(
    zookeeper_with_tls: ZookeeperServer, authority: Authority, monkeypatch: Any
) -> None:
    """An unknown authority and a missing client certificate are permanent errors."""
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    unknown = refusal(spec_with_tls(zookeeper_with_tls), Secrets({}))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    unidentified = refusal(spec_with_tls(zookeeper_with_tls), Secrets({}))
    for error, reason in ((unknown, "verify failed"), (unidentified, "certificate")):
        assert isinstance(error, PermanentError)
        assert reason in error.why.lower()
        assert "jobboard_zookeeper_ssl_options" in error.todo
    assert "operating system" in unknown.todo


def test_zookeeper_without_the_tls_that_it_wants(
    zookeeper_with_tls: ZookeeperServer,
) -> None:
    """A server that speaks only TLS ends a plain connection; the advice names TLS."""
    error = refusal(spec_for("zookeeper", zookeeper_with_tls.port), Secrets({}))
    assert "TLS" in error.todo


# etcd


def test_octavia_uses_one_member_of_etcd(tmp_path: Path) -> None:
    """A warning: Octavia stops with that member; an address that moves is advised."""
    with running_etcd_cluster(tmp_path) as members:
        (warning,) = check(spec_for("etcd", members[0].port), Secrets({}))
    assert f"{HOST}:{members[0].port}" in warning
    assert "one of 3 members" in warning
    assert "load balancer" in warning


def test_etcd_over_tls(etcd_with_tls: EtcdServer, authority: Authority) -> None:
    """The options' certificates are used and verified, whatever the environment says.

    Without the authority, without a client certificate, and for a name that isn't in
    the server's certificate, the error is permanent and its advice names the option.
    """
    pair = authority.pair("octavia")
    good = ssl_options(authority, pair)

    def spec(host: str = HOST, **change: str) -> Spec:
        tls = {key: text for key, text in {**good, **change}.items() if text}
        return spec_for(
            "etcd", etcd_with_tls.port, (host,), jobboard_etcd_ssl_options=tls
        )

    (warning,) = check(spec(), Secrets({}))
    assert "single member" in warning
    for wrong in (spec(ca_cert=""), spec(cert_cert="", cert_key=""), spec("localhost")):
        error = refusal(wrong, Secrets({}))
        assert isinstance(error, PermanentError)
        assert "jobboard_etcd_ssl_options" in error.todo


def etcd_keys(server: EtcdServer) -> set[str]:
    found = etcd_post(server, "kv/range", _everything()).get("kvs", [])
    return {each["key"] for each in found}


def _everything() -> dict[str, Any]:
    zero = base64.b64encode(b"\0").decode()
    return {"key": zero, "range_end": zero, "keys_only": True}


def etcd_post(server: EtcdServer, path: str, body: Any) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://{HOST}:{server.port}/v3/{path}", data=json.dumps(body).encode()
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.load(answer))


def etcd_leases(server: EtcdServer) -> set[str]:
    leases = etcd_post(server, "kv/lease/leases", {}).get("leases", [])
    return {lease["ID"] for lease in leases}


def test_etcd_answers(etcd_server: EtcdServer) -> None:
    """A single member gives a warning, and the check leaves no key and no lease."""
    before = etcd_keys(etcd_server), etcd_leases(etcd_server)
    (warning,) = check(spec_for("etcd", etcd_server.port), Secrets({}))
    assert "single member" in warning
    # Leases of other tests may have expired meanwhile.
    assert etcd_keys(etcd_server) <= before[0]
    assert etcd_leases(etcd_server) <= before[1]


def test_only_the_first_etcd_host_counts(etcd_server: EtcdServer) -> None:
    """Other hosts, which Octavia never uses, are named in a warning."""
    spec = spec_for("etcd", etcd_server.port, (HOST, "nowhere.invalid"))
    assert any("nowhere.invalid" in warning for warning in check(spec, Secrets({})))


def test_etcd_that_is_down_is_transient() -> None:
    """A closed port is a transient error."""
    error = refusal(spec_for("etcd", free_port()), Secrets({}))
    assert isinstance(error, TransientError)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"jobboard_etcd_api_path": "/nothing/here/"}, "jobboard_etcd_api_path"),
        ({"jobboard_etcd_ssl_options": {"ca_cert": "/none"}}, "use_ssl"),
        (
            {"jobboard_etcd_ssl_options": {"use_ssl": "True", "ca_cert": "/none"}},
            "ssl_options",
        ),
    ],
)
def test_etcd_with_wrong_options(
    etcd_server: EtcdServer,
    options: Mapping[str, Value],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Options with which Octavia always fails are a permanent error."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)  # overrides our options
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    error = refusal(spec_for("etcd", etcd_server.port, **options), Secrets({}))
    assert isinstance(error, PermanentError)
    assert words in str(error)


def test_etcd_use_ssl_is_true_whatever_it_says(etcd_server: EtcdServer) -> None:
    """As in Octavia 19, any text of use_ssl turns TLS on."""
    options = {"use_ssl": "False"}
    spec = spec_for("etcd", etcd_server.port, jobboard_etcd_ssl_options=options)
    assert "jobboard_etcd_ssl_options" in refusal(spec, Secrets({})).todo


def test_etcd_with_authentication(tmp_path: Path) -> None:
    """An etcd with authentication is refused, since Octavia's driver can't log in."""
    with running_etcd(tmp_path) as server:
        etcd_post(server, "auth/user/add", {"name": "root", "password": "x"})
        etcd_post(server, "auth/role/add", {"name": "root"})
        etcd_post(server, "auth/user/grant", {"user": "root", "role": "root"})
        etcd_post(server, "auth/enable", {})
        error = refusal(spec_for("etcd", server.port), Secrets({}))
    assert isinstance(error, PermanentError)
    assert "auth disable" in error.todo


# All


def test_missing_client_library_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without kazoo the error names the extra to install."""
    monkeypatch.delitem(
        sys.modules,
        "amphv2_bootstrap.adapters.key_value.zookeeper",
        raising=False,
    )
    monkeypatch.setitem(sys.modules, "kazoo", None)
    error = refusal(spec_for("zookeeper", 2181), Secrets({}))
    assert isinstance(error, PermanentError)
    assert "amphv2-bootstrap[zookeeper]" in error.todo
