# SPDX-License-Identifier: Apache-2.0
"""What a release lacks is found before anything is written."""

import shutil

import pytest

from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Value
from amphv2_bootstrap.steps.controller.write_octavia_configuration import (
    WriteOctaviaConfiguration,
)
from amphv2_bootstrap.steps.missing_options import doubtful_options, missing_options
from tests.unit.adapters.octavia.environment import Environment
from tests.unit.steps.controller_host import Controller

DB = "jobboard_redis_backend_db"


def _of_release(
    controller: Controller, version: str, taskflow: str = "", **options: Value
) -> Controller:
    folder = controller.folder / "venv"
    folder.mkdir()
    environment = Environment(folder)
    environment.add_octavia(version)
    if taskflow:
        (old,) = environment.site.glob("taskflow-*")
        shutil.rmtree(old)
        environment.add_package("taskflow", taskflow)
    controller.settings["octavia_python"] = environment.python
    controller.task_flow.update(options or {DB: 3})
    return controller


def test_an_option_that_the_release_lacks(controller: Controller) -> None:
    """The problem names host, release, option, and when it came."""
    found = list(missing_options(_of_release(controller, "14.0.0").context))
    assert len(found) == 1
    for word in ("Octavia 14 on c1", DB, "came with 16", "upgrade Octavia"):
        assert word in found[0]


def test_a_release_that_is_too_old(controller: Controller) -> None:
    """It is refused at once, and no option is blamed."""
    old = _of_release(controller, "6.2.2")
    (problem,) = missing_options(old.context)
    for word in ("Octavia 6.2.2 on c1 is too old", "7 (Victoria)", "Upgrade Octavia"):
        assert word in problem
    with pytest.raises(PermanentError, match=r"too old.*wasn't changed"):
        WriteOctaviaConfiguration(old.context).execute()


@pytest.mark.parametrize("version", ["16.0.0", "99.0.0"])
def test_a_release_that_has_it_or_is_not_known(
    controller: Controller, version: str
) -> None:
    """Nothing is refused that the release has, or that only Octavia can tell."""
    assert not list(missing_options(_of_release(controller, version).context))


def test_without_octavias_python_nothing_is_refused(controller: Controller) -> None:
    """In a container only Octavia itself knows its options."""
    controller.task_flow[DB] = 3
    assert not list(missing_options(controller.context))


def test_it_is_refused_before_the_file_is_written(controller: Controller) -> None:
    """Neither the file nor a backup, nor the marker of a restart, is made."""
    before = controller.conf.read_bytes()
    with pytest.raises(PermanentError, match=f"no option {DB}.*wasn't changed"):
        WriteOctaviaConfiguration(_of_release(controller, "14.0.0").context).execute()
    assert controller.conf.read_bytes() == before
    assert [path.name for path in controller.conf.parent.iterdir()] == ["octavia.conf"]
    assert not controller.marker.is_set()


_SENTINELS: dict[str, Value] = {
    "jobboard_backend_hosts": ("a", "b"),
    "jobboard_redis_sentinel": "mymaster",
}


def test_what_a_release_gets_wrong_is_refused(controller: Controller) -> None:
    """TLS that taskflow silently leaves out is found before anything is changed."""
    old = _of_release(
        controller,
        "13.0.1",
        "5.4.0",
        **_SENTINELS,
        jobboard_redis_backend_ssl_options={"ssl": "True"},
    )
    (problem,) = missing_options(old.context)
    assert "with Sentinel taskflow before 5.5 connects to Redis without it" in problem
    with pytest.raises(PermanentError, match=r"without it.*wasn't changed"):
        WriteOctaviaConfiguration(old.context).execute()


def test_what_a_release_does_badly_is_a_warning(controller: Controller) -> None:
    """One Sentinel of several is a warning; what we write ourselves is none."""
    old = _of_release(controller, "13.0.1", "5.4.0", **_SENTINELS)
    assert list(missing_options(old.context)) == []
    (warning,) = doubtful_options(old.context)
    assert "asks only the first" in warning
