# SPDX-License-Identifier: Apache-2.0
"""The options by release, compared with what releases of Octavia declare.

``tools/octavia_options.py`` has made ``releases.json`` from the wheels on PyPI.
"""

import json
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.spec.octavia_options import (
    BY_NAME,
    OLDEST_RELEASE,
    TASK_FLOW_OPTIONS,
    TaskFlowOption,
)
from amphv2_bootstrap.spec.octavia_releases import (
    EARLIER,
    NEWEST_RELEASE,
    RELEASE_TRAPS,
    is_too_old,
    options_of,
    release_of,
    release_traps,
)
from amphv2_bootstrap.spec.task_flow_group import Group, Place
from tests import DATA, REPOSITORY

TOOL = REPOSITORY / "tools" / "octavia_options.py"
RECORDED: dict[str, dict[str, Any]] = {
    version: group["options"]
    for group in json.loads((DATA / "octavia_options" / "releases.json").read_text())
    for version in group["releases"]
}
ALWAYS_SECRET = "persistence_connection"


def _declared(option: TaskFlowOption) -> dict[str, Any]:
    """The option as the tool prints it."""
    default = option.default
    more = {
        "choices": list(option.choices),
        "min": option.minimum,
        "max": option.maximum,
        "secret": option.secret or None,
    }
    return {
        "kind": option.kind,
        "default": list(default) if isinstance(default, tuple) else default,
        **{name: value for name, value in more.items() if value not in (None, [])},
    }


def _check(version: str, theirs: dict[str, dict[str, Any]]) -> None:
    release = release_of(version)
    assert release is not None
    ours = {option.name: _declared(option) for option in options_of(release)}
    # Before 16.1 Octavia declares this URL as no secret; the table never does.
    theirs = {**theirs, ALWAYS_SECRET: {**theirs[ALWAYS_SECRET], "secret": True}}
    assert ours == theirs
    assert list(ours) == list(theirs)


@pytest.mark.parametrize("version", RECORDED)
def test_each_release_has_the_options_it_declares(version: str) -> None:
    """Names, order, types, defaults, choices, limits and secrecy equal Octavia's."""
    _check(version, RECORDED[version])


def test_the_installed_octavia_has_the_options_it_declares(
    octavia_python_path: str,
) -> None:
    """The same holds for a real Octavia of any release."""
    done = subprocess.run(
        [octavia_python_path, str(TOOL)], capture_output=True, text=True, check=True
    )
    (found,) = json.loads(done.stdout)
    _check(found["releases"][0], found["options"])


def test_every_release_of_the_table_is_recorded() -> None:
    """Each release from the oldest to the newest has a recorded source."""
    found = {int(version.partition(".")[0]) for version in RECORDED}
    assert found == set(range(OLDEST_RELEASE, NEWEST_RELEASE + 1))


def test_the_newest_release_is_the_plain_table() -> None:
    """The newest release differs in nothing from the table."""
    assert options_of(NEWEST_RELEASE) == TASK_FLOW_OPTIONS


def test_earlier_declarations_are_consistent() -> None:
    """Each differs from its option, is older than the newest, and the only one."""
    assert set(Counter(entry.option.name for entry in EARLIER).values()) == {1}
    for entry in EARLIER:
        now = BY_NAME[entry.option.name]
        assert entry.option != now
        assert now.since < entry.before <= NEWEST_RELEASE


@pytest.mark.parametrize("release", [OLDEST_RELEASE - 1, NEWEST_RELEASE + 1])
def test_a_release_outside_of_the_table_is_refused(release: int) -> None:
    """Its options are unknown."""
    with pytest.raises(ValueError, match=str(release)):
        options_of(release)


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("7.1.2", 7),
        ("6.2.2", None),
        ("19.0.0", 19),
        ("14", 14),
        ("20.0.0", None),
        ("5.1.2", None),
        ("15.1.0.dev20", None),
        ("16.0.0.0rc1", None),
        ("14.0.2+vendor1", None),
        ("unknown", None),
        ("", None),
    ],
)
def test_only_final_releases_are_in_the_table(
    version: str, release: int | None
) -> None:
    """Other versions may have options of the next release, or of a vendor."""
    assert release_of(version) == release


@pytest.mark.parametrize(
    ("version", "too_old"),
    [("6.2.2", True), ("5.1.2.dev3", True), ("7.0.0.0rc1", False), ("19.0.0", False)],
)
def test_releases_before_the_first_supported_one(version: str, too_old: bool) -> None:
    """Their versions, also those of no final release, are known as too old."""
    assert is_too_old(version) is too_old


def test_the_tool_reads_wheels_in_the_order_of_releases(tmp_path: Path) -> None:
    """It needs no Octavia, and prints equal declarations once."""
    wheels = [
        _wheel(tmp_path, "10.0.0", "constants.TYPES"),
        _wheel(tmp_path, "9.0.0", "['a', 'b']"),
        _wheel(tmp_path, "11.0.0", "[('a', _('The first'))]"),
    ]
    done = subprocess.run(
        [sys.executable, str(TOOL), *wheels], capture_output=True, text=True, check=True
    )
    declared = {"kind": "str", "default": "a"}
    assert json.loads(done.stdout) == [
        {
            "releases": ["9.0.0", "10.0.0"],
            "options": {"engine": {**declared, "choices": ["a", "b"]}},
        },
        {
            "releases": ["11.0.0"],
            "options": {"engine": {**declared, "choices": ["a"]}},
        },
    ]


def _wheel(folder: Path, version: str, choices: str) -> str:
    path = folder / f"octavia-{version}-py3-none-any.whl"
    option = f"cfg.StrOpt('engine', default='a', choices={choices}, help=_('None'))"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "octavia/common/config.py",
            f"from oslo_config import cfg\ntask_flow_opts = [\n    {option},\n]\n",
        )
        archive.writestr(
            "octavia/common/constants.py",
            "import other\nOTHER = other.X\nTYPES = ('a', 'b')\n",
        )
    return str(path)


_SENTINEL = {
    "jobboard_backend_driver": "redis_taskflow_driver",
    "jobboard_backend_hosts": ["a", "b"],
    "jobboard_redis_sentinel": "mymaster",
    "jobboard_redis_backend_ssl_options": {"ssl": "True"},
    "jobboard_expiration_time": 30,
}
_WITHOUT_TLS = {
    **_SENTINEL,
    "jobboard_redis_backend_ssl_options": {"ssl": "no", "ssl_cert_reqs": "required"},
}
_ZOOKEEPER = {
    "jobboard_backend_driver": "zookeeper_taskflow_driver",
    "jobboard_zookeeper_ssl_options": {"use_ssl": "True", "verify_certs": "False"},
}


def _named(values: dict[str, Any], **versions: str) -> list[str]:
    found = [one.what for one in release_traps(_group(values, versions))]
    return [trap.name for trap in RELEASE_TRAPS if trap.what in found]


def _group(values: dict[str, Any], versions: dict[str, str]) -> Group:
    return Group(values, Place.FILE, versions=versions)


@pytest.mark.parametrize(
    ("values", "package", "last", "first", "name"),
    [
        (_SENTINEL, "octavia", "13.0.1", "14.0.0.0rc1", "one-sentinel"),
        (_SENTINEL, "octavia", "9.0.2", "9.1.0", "renewed-between-steps"),
        (_SENTINEL, "octavia", "10.0.0", "10.1.0", "renewed-by-the-poster"),
        (_SENTINEL, "taskflow", "5.4.0", "5.5.0", "sentinel-without-tls"),
        (_WITHOUT_TLS, "taskflow", "5.12.0", "6.0.0", "sentinel-tls-keys"),
        (_ZOOKEEPER, "taskflow", "5.1.1", "5.2.0", "false-is-true"),
        (_ZOOKEEPER, "kazoo", "2.11.0", "2.11.1", "kazoo-without-tls"),
    ],
)
def test_a_trap_ends_with_a_version(
    values: dict[str, Any], package: str, last: str, first: str, name: str
) -> None:
    """The last version that has a trap is warned of, the next one isn't."""
    assert name in _named(values, **{package: last})
    assert name not in _named(values, **{package: first})


@pytest.mark.parametrize(
    ("values", "versions", "name"),
    [
        (_SENTINEL, {"octavia": "9.0.2"}, "renewed-by-the-poster"),
        (_WITHOUT_TLS, {"taskflow": "5.4.0"}, "sentinel-tls-keys"),
        (_ZOOKEEPER, {"kazoo": "2.10.0"}, "kazoo-without-tls"),
    ],
)
def test_a_trap_begins_with_a_version(
    values: dict[str, Any], versions: dict[str, str], name: str
) -> None:
    """A version before it is free of it."""
    assert name not in _named(values, **versions)


def test_nobody_is_warned_without_versions_or_reasons() -> None:
    """Unknown versions, and values that are sound in every release, give nothing."""
    assert _named(_SENTINEL) == _named(_ZOOKEEPER) == []
    sound = {
        "jobboard_backend_driver": "zookeeper_taskflow_driver",
        "jobboard_zookeeper_ssl_options": {"use_ssl": False, "verify_certs": True},
    }
    assert _named(sound, octavia="7.1.2", taskflow="4.5.0", kazoo="2.11.0") == []
