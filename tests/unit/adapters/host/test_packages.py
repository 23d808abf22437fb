# SPDX-License-Identifier: Apache-2.0
"""The command lines of apt and dnf, and what their outputs mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from amphv2_bootstrap.adapters.host.commands import Completed
from amphv2_bootstrap.adapters.host.packages import Apt, Dnf, detect
from amphv2_bootstrap.errors import PermanentError, TransientError


@dataclass
class FakeRun:
    """Gives the next of a program's answers at each run, then success."""

    answers: Mapping[str, list[Completed]] = field(default_factory=dict)
    ran: list[tuple[str, ...]] = field(default_factory=list)
    env: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        self.ran.append(tuple(argv))
        self.env = env or {}
        answers = self.answers.get(" ".join(argv[:2]), [])
        return answers.pop(0) if answers else Completed(0, "", "")


def failed(output: str) -> Completed:
    return Completed(100, output, output)


def which(*there: str) -> object:
    return lambda name: f"/usr/bin/{name}" if name in there else None


def test_detection() -> None:
    """The installed programs decide; without any, the error says what to do."""
    run = FakeRun()
    assert detect(run, which("apt-get", "dpkg-query")).family == "debian"  # type: ignore[arg-type]
    assert detect(run, which("dnf", "rpm", "dpkg-query")).family == "redhat"  # type: ignore[arg-type]
    with pytest.raises(PermanentError, match="install_key_value_backend"):
        detect(run, which())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "installed"),
    [
        (Completed(0, "installed", "installed"), True),
        (Completed(0, "config-files", "config-files"), False),
        (Completed(1, "no packages found", ""), False),
    ],
)
def test_dpkg_knows_what_is_installed(answer: Completed, installed: bool) -> None:
    """A removed package with its configuration left isn't installed."""
    assert Apt(FakeRun({"dpkg-query -W": [answer]})).installed("x") is installed


def test_apt_asks_nothing_and_waits_for_the_lock() -> None:
    """apt asks nothing, keeps changed configuration files, and awaits the lock."""
    run = FakeRun()
    Apt(run).install(["redis-server"])
    (argv,) = run.ran
    assert argv[-1] == "redis-server"
    assert "--yes" in argv
    assert "DPkg::Lock::Timeout=300" in argv
    assert "Dpkg::Options::=--force-confold" in argv
    assert run.env["DEBIAN_FRONTEND"] == "noninteractive"


def test_apt_repairs_an_interrupted_installation() -> None:
    """After a crash in dpkg, dpkg is configured before the next attempt."""
    broken = failed("E: dpkg was interrupted, you must run 'dpkg --configure -a'")
    run = FakeRun({"apt-get install": [broken]})
    Apt(run).install(["redis-server"])
    assert [argv[:2] for argv in run.ran] == [
        ("apt-get", "install"),
        ("dpkg", "--configure"),
        ("apt-get", "install"),
    ]


@pytest.mark.parametrize(
    "output",
    [
        "E: Unable to locate package redis-server",
        "E: Package 'redis-server' has no installation candidate",
        "E: Failed to fetch http://deb.example/redis-server_7.0_amd64.deb  404  Not "
        "Found [IP: 192.0.2.1 80]\nE: Unable to fetch some archives, maybe run apt-get "
        "update or try with --fix-missing?",
    ],
)
def test_apt_updates_lists_that_are_missing_or_old(output: str) -> None:
    """Missing or old package lists are updated before the next attempt."""
    run = FakeRun({"apt-get install": [failed(output)]})
    Apt(run).install(["redis-server"])
    assert [argv[1] for argv in run.ran] == ["install", "update", "install"]


def test_apt_updates_nothing_while_its_source_is_unreachable() -> None:
    """A network failure causes no update of the lists, which would fail too."""
    away = failed(
        "E: Failed to fetch http://deb.example/redis_7.0_amd64.deb  Temporary failure "
        "resolving 'deb.example'"
    )
    run = FakeRun({"apt-get install": [away]})
    with pytest.raises(TransientError):
        Apt(run).install(["redis-server"])
    assert [argv[1] for argv in run.ran] == ["install"]


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("E: Could not get lock /var/lib/dpkg/lock-frontend", TransientError),
        ("Temporary failure resolving 'deb.debian.org'", TransientError),
        ("E: Unable to locate package nothing", PermanentError),
        ("dpkg: error processing package redis-server", PermanentError),
    ],
)
def test_failures_of_apt(output: str, kind: type[Exception]) -> None:
    """Failures are transient or permanent by apt's output; the message quotes it."""
    run = FakeRun({"apt-get install": [failed(output)] * 3})
    with pytest.raises(kind, match=output.split(":")[-1].strip()[:20]):
        Apt(run).install(["redis-server"])


def test_dnf() -> None:
    """dnf runs without questions; a missing package is permanent."""
    run = FakeRun({"rpm -q": [Completed(1, "", "")]})
    assert not Dnf(run).installed("redis")
    Dnf(run).install(["redis"])
    assert run.ran[-1] == ("dnf", "install", "--assumeyes", "redis")
    nothing = FakeRun({"dnf install": [failed("No match for argument: zookeeper")]})
    with pytest.raises(PermanentError, match="No match for argument"):
        Dnf(nothing).install(["zookeeper"])
