# SPDX-License-Identifier: Apache-2.0
import copy
from dataclasses import replace
from typing import Any

import pytest

from amphv2_bootstrap.checks.agreement import Controller, compare, other_databases
from amphv2_bootstrap.checks.finding import FAILED, OK, WARNING, Finding

CONTENT: dict[str, Any] = {
    "config_file": "/etc/octavia/octavia.conf",
    "task_flow": {
        "persistence_connection": {
            "digest": "AAA",
            "shown": "mysql+pymysql://octavia@db/octavia_persistence",
        },
        "jobboard_backend_driver": {"value": "redis_taskflow_driver"},
        "jobboard_backend_hosts": {"value": ["kv1", "kv2"]},
        "jobboard_backend_namespace": {"value": "octavia_jobboard"},
        "jobboard_backend_password": {"digest": "BBB"},
        "jobboard_backend_username": {"value": None},
        "jobboard_redis_backend_ssl_options.ssl": {"value": "False"},
        "jobboard_etcd_ssl_options.use_ssl": {"value": "False"},
        "jobboard_etcd_timeout": {"value": None},
        "max_workers": {"value": 5},
    },
    "versions": {"octavia": "19.0.0", "taskflow": "6.5.0"},
    "client_library": "",
    "restart": [],
    "utc_offset": 0,
}


def _hosts(*names: str) -> dict[str, Controller]:
    return {
        name: Controller(name, copy.deepcopy(CONTENT), version="1.0", seen_ago=3.0)
        for name in names
    }


def _content(one: Controller) -> dict[str, Any]:
    assert isinstance(one.content, dict)
    return one.content


def _wrong(controllers: dict[str, Controller]) -> list[Finding]:
    return [one for one in compare(list(controllers.values())) if one.state != OK]


def _only(controllers: dict[str, Controller]) -> Finding:
    (found,) = _wrong(controllers)
    assert found.todo.endswith(".")
    return found


def test_equal_controllers_agree() -> None:
    """Each was seen, and the number of compared values is reported."""
    found = list(compare(list(_hosts("c1", "c2", "c3").values())))
    assert {one.state for one in found} == {OK}
    assert [one.message for one in found][:3] == [
        f"c{n} was seen 3 s ago" for n in (1, 2, 3)
    ]
    assert "all 8 values of [task_flow] are the same on c1, c2, c3" in found[3].message


def test_a_single_controller_is_only_seen() -> None:
    """There is nothing to compare it with."""
    (found,) = compare(list(_hosts("c1").values()))
    assert (found.check, found.state) == ("controllers", OK)


@pytest.mark.parametrize(
    ("option", "entry", "words"),
    [
        (
            "jobboard_backend_namespace",
            {"value": "mine"},
            "octavia_jobboard on c1, c3; mine on c2",
        ),
        ("jobboard_backend_hosts", {"value": ["kv2"]}, "kv1, kv2 on c1, c3; kv2 on c2"),
        ("jobboard_backend_password", {"digest": "XXX"}, "a secret (A) on c1, c3"),
        (
            "jobboard_backend_password",
            {"value": None},
            "a secret on c1, c3; not set on c2",
        ),
        ("jobboard_backend_username", {"value": "u"}, "not set on c1, c3; u on c2"),
        (
            "jobboard_redis_backend_ssl_options.ssl",
            {"value": "True"},
            "False on c1, c3; True on c2",
        ),
        (
            "persistence_connection",
            {"digest": "X", "shown": "mysql+pymysql://octavia@other/p"},
            "/octavia_persistence on c1, c3; mysql+pymysql://octavia@other/p on c2",
        ),
        (
            "persistence_connection",
            {"digest": "X", "shown": "mysql+pymysql://octavia@db/octavia_persistence"},
            "/octavia_persistence (B) on c2",
        ),
        ("jobboard_backend_port", {"invalid": "not a port"}, "on c2 is invalid: not a"),
    ],
)
def test_a_difference_is_named(option: str, entry: dict[str, Any], words: str) -> None:
    """The message has the option, and each value with its hosts, but no digest."""
    hosts = _hosts("c1", "c2", "c3")
    _content(hosts["c2"])["task_flow"][option] = entry
    found = _only(hosts)
    assert (found.check, found.state) == ("agreement", FAILED)
    assert found.message.startswith(f"{option} ")
    assert words in found.message
    assert not {"AAA", "BBB", "XXX"} & set(found.message.split())


def test_all_differences_are_named() -> None:
    """Each option that differs has a finding of its own."""
    hosts = _hosts("c1", "c2")
    options = _content(hosts["c2"])["task_flow"]
    options["jobboard_backend_namespace"] = {"value": "mine"}
    options["jobboard_backend_hosts"] = {"value": []}
    options["jobboard_backend_password"] = {"digest": "X"}
    assert [one.message.split()[0] for one in _wrong(hosts)] == [
        "jobboard_backend_hosts",
        "jobboard_backend_namespace",
        "jobboard_backend_password",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"jobboard_etcd_timeout": {"value": 5}},
        {"jobboard_etcd_ssl_options.use_ssl": {"value": "True"}},
        {"jobboard_redis_backend_ssl_options.ssl_keyfile": {"value": "None"}},
        {"of_a_newer_octavia": {"digest": "X"}},
    ],
)
def test_what_makes_no_difference_is_not_reported(change: dict[str, Any]) -> None:
    """Options of other drivers, explicit defaults and unknown options are ignored."""
    hosts = _hosts("c1", "c2")
    _content(hosts["c2"])["task_flow"].update(change)
    assert _wrong(hosts) == []


def test_options_of_any_used_driver_are_compared() -> None:
    """One controller that uses a driver is enough."""
    hosts = _hosts("c1", "c2")
    options = _content(hosts["c2"])["task_flow"]
    options["jobboard_backend_driver"] = {"value": "etcd_taskflow_driver"}
    options["jobboard_etcd_timeout"] = {"value": 5}
    names = [one.message.split()[0] for one in _wrong(hosts)]
    assert names == ["jobboard_backend_driver", "jobboard_etcd_timeout"]


def test_an_invalid_dictionary_is_reported_once() -> None:
    """Its keys don't count as missing."""
    hosts = _hosts("c1", "c2")
    options = _content(hosts["c2"])["task_flow"]
    del options["jobboard_redis_backend_ssl_options.ssl"]
    options["jobboard_redis_backend_ssl_options"] = {"invalid": "ValueError"}
    assert "is invalid: ValueError" in _only(hosts).message


def test_threads_may_differ() -> None:
    """They depend on the size of the host: a warning."""
    hosts = _hosts("c1", "c2")
    _content(hosts["c2"])["task_flow"]["max_workers"] = {"value": 50}
    assert _only(hosts).state == WARNING


@pytest.mark.parametrize(
    ("controller", "words"),
    [
        (Controller("c2"), "c2 was never seen"),
        (Controller("c2", seen_ago=1.0), "it hasn't reported yet"),
        (
            Controller("c2", unreadable="line 3", seen_ago=1.0),
            "isn't known: line 3",
        ),
        (
            Controller("c2", CONTENT, version="1.0", seen_ago=1800.0, is_silent=True),
            "c2 wasn't seen for 30 minutes",
        ),
    ],
)
def test_a_controller_that_cannot_be_compared_fails(
    controller: Controller, words: str
) -> None:
    """Whether it agrees is unknown."""
    found = _only({**_hosts("c1", "c3"), "c2": controller})
    assert (found.check, found.state) == ("controllers", FAILED)
    assert words in found.message


def test_versions_are_compared() -> None:
    """Differences of Octavia and taskflow fail; of this package they are warnings."""
    hosts = _hosts("c1", "c2")
    _content(hosts["c2"])["versions"] = {"octavia": "18.0.0", "taskflow": "6.4.0"}
    hosts["c2"] = Controller("c2", hosts["c2"].content, None, "1.1", 0.0, 1.0)
    assert [(one.state, one.message) for one in _wrong(hosts)] == [
        (FAILED, "the versions of octavia differ: 19.0.0 on c1; 18.0.0 on c2"),
        (FAILED, "the versions of taskflow differ: 6.5.0 on c1; 6.4.0 on c2"),
        (WARNING, "the versions of amphv2-bootstrap differ: 1.0 on c1; 1.1 on c2"),
    ]


def test_an_octavia_in_a_container_is_not_compared() -> None:
    """A warning says that its versions are unknown."""
    hosts = _hosts("c1", "c2")
    _content(hosts["c2"]).update(versions={}, client_library=None)
    found = _only(hosts)
    assert (found.check, found.state) == ("versions", WARNING)
    assert "runs on c2 isn't known" in found.message


def test_a_missing_client_library_fails() -> None:
    """The finding has the reason that Octavia's Python gave."""
    hosts = _hosts("c1", "c2")
    _content(hosts["c2"])["client_library"] = "No module named 'redis'"
    found = _only(hosts)
    assert (found.check, found.state) == ("client-library", FAILED)
    assert "on c2" in found.message
    assert "No module named 'redis'" in found.message


@pytest.mark.parametrize(
    ("offsets", "state"),
    [
        ((0.0, 1.9), None),
        ((-1.5, 1.5), WARNING),
        ((40.0, 40.0), FAILED),
        ((-3600.0, 0.0), FAILED),
    ],
)
def test_clocks_are_compared(offsets: tuple[float, float], state: str | None) -> None:
    """Each is compared with the database's, and with one another."""
    hosts = _hosts("c1", "c2")
    for name, offset in zip(("c1", "c2"), offsets, strict=True):
        hosts[name] = Controller(name, hosts[name].content, None, "1.0", offset, 1.0)
    found = _wrong(hosts)
    assert [(one.check, one.state) for one in found] == (
        [("clocks", state)] if state else []
    )
    assert not found or f"{offsets[0]:+.1f} s on c1" in found[0].message


def test_time_zones_are_compared() -> None:
    """Different time zones are a warning: they make logs hard to compare."""
    hosts = _hosts("c1", "c2")
    _content(hosts["c2"])["utc_offset"] = -12600
    found = _only(hosts)
    assert (found.check, found.state) == ("clocks", WARNING)
    assert "UTC+0 on c1; UTC-3.5 on c2" in found.message


def test_a_file_that_cannot_be_replaced_is_reported() -> None:
    """A warning names the host, the file and the reason."""
    hosts = _hosts("ctl1", "ctl2")
    _content(hosts["ctl1"])["irreplaceable"] = None
    _content(hosts["ctl2"])["irreplaceable"] = "it is a mount of its own"
    found = _only(hosts)
    assert (found.check, found.state) == ("configuration", WARNING)
    assert "octavia.conf on ctl2 can't be replaced: it is a mount" in found.message


def test_another_database_by_default_is_named() -> None:
    """Only a host that reports one, and isn't silent, is compared."""
    wanted, other = "mysql+pymysql://o:***@db1/p", "mysql+pymysql://o:***@db2/p"
    found = _hosts("c1", "c2", "c3", "c4")
    _content(found["c1"])["persistence_default"] = wanted
    for host in ("c2", "c3"):
        _content(found[host])["persistence_default"] = other
    found["c3"] = replace(found["c3"], is_silent=True)
    (sentence,) = other_databases(list(found.values()), wanted)
    assert f"{wanted} here" in sentence
    assert f"c2's octavia.conf it is {other} there" in sentence


def test_services_that_need_a_restart_are_reported() -> None:
    """Their host's message is a warning."""
    hosts = _hosts("c1", "c2")
    _content(hosts["c2"])["restart"] = [
        "octavia-worker.service on c2 runs since before"
    ]
    found = _only(hosts)
    assert (found.check, found.state) == ("services", WARNING)
    assert found.message == "octavia-worker.service on c2 runs since before"


def test_the_files_of_a_host_are_compared_too() -> None:
    """The finding names the file that differs, and one that can't be replaced."""
    hosts = _hosts("c1", "c2")
    further = copy.deepcopy(CONTENT)
    further["config_file"] = "/etc/kolla/octavia-housekeeping/octavia.conf"
    _content(hosts["c1"])["further_files"] = [further]
    assert not _wrong(hosts)
    further["task_flow"]["jobboard_backend_namespace"] = {"value": "mine"}
    found = _only(hosts)
    assert found.state == FAILED
    assert "mine on c1 (/etc/kolla/octavia-housekeeping/octavia.conf)" in found.message
    further["task_flow"] = CONTENT["task_flow"]
    further["irreplaceable"] = "it is a mount"
    assert further["config_file"] in _only(hosts).message
