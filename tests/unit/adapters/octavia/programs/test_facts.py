# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.octavia.programs import facts
from tests.unit.adapters.octavia.environment import Environment


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"oslo.config-1.2.dist-info/METADATA": "Version: 1.2\n\n"}, "1.2"),
        ({"Oslo_Config-1.2.dist-info/METADATA": "Version: 1.2\n\n"}, "1.2"),
        ({"oslo.config-1.2-py3.11.egg-info/PKG-INFO": "Version: 1.2\n\n"}, "1.2"),
        ({"oslo.config-1.2.egg-info": "Version: 1.2\n\n"}, "1.2"),
        ({"oslo.config-1.2.dist-info/RECORD": ""}, None),
        ({"oslo.config_more-1.2.dist-info/METADATA": "Version: 1.2\n\n"}, None),
    ],
)
def test_version_in_every_form(
    tmp_path: Path, files: dict[str, str], version: str | None
) -> None:
    """Each form of metadata is read; a half-removed package has no version."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert facts.installed([str(tmp_path)])["versions"]["oslo.config"] == version


def test_the_first_folder_counts(tmp_path: Path) -> None:
    """The first folder with the package counts, as for an import."""
    first, second = Environment(tmp_path / "1"), Environment(tmp_path / "2")
    first.add_package("octavia", "18.0.0")
    second.add_package("octavia", "19.0.0")
    found = facts.installed([str(first.site), str(second.site)])
    assert (found["versions"]["octavia"], found["exact"]) == ("18.0.0", True)


def test_two_versions_are_not_exact(tmp_path: Path) -> None:
    """If an interrupted upgrade left two versions, none is exact."""
    environment = Environment(tmp_path / "venv")
    environment.add_octavia("18.0.0")
    environment.add_package("octavia", "19.0.0")
    assert not facts.installed([str(environment.site)])["exact"]


def test_an_editable_install_is_not_exact(tmp_path: Path) -> None:
    """The source of an editable install may be newer than its version."""
    environment = Environment(tmp_path / "venv")
    environment.add_package("octavia", "19.0.0", editable=True)
    found = facts.installed([str(environment.site)])
    assert (found["versions"]["octavia"], found["exact"]) == ("19.0.0", False)


def test_the_provider_drivers_of_octavia(tmp_path: Path) -> None:
    """Each has what implements it; a half-removed Octavia has none."""
    environment = Environment(tmp_path / "venv")
    assert facts.installed([str(environment.site)])["providers"] == {}
    environment.add_octavia("8.0.1")
    environment.add_providers(amphora="v1", amphorav2="v2")
    found = facts.installed([str(environment.site)])["providers"]
    assert found["amphora"].startswith("octavia.api.drivers.amphora_driver.v1.")
    assert found["amphorav2"].startswith("octavia.api.drivers.amphora_driver.v2.")


@pytest.fixture
def redis_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """This Python has what is added to it, and nothing else."""
    environment = Environment(tmp_path / "venv")
    monkeypatch.setattr("sys.path", [str(environment.site)])
    for name, version in (("taskflow", "6.5.0"), ("redis", "8.1.0")):
        environment.add_package(name, version)
    return environment


def test_what_a_claim_depends_on(redis_environment: Environment) -> None:
    """Octavia, taskflow, the client of the driver, and Python."""
    redis_environment.add_package("octavia", "19.0.0")
    found = facts.ran_with("redis")
    assert found.pop("python")
    assert found == {
        "octavia": "19.0.0",
        "taskflow": "6.5.0",
        "redis": "8.1.0",
        "driver": "redis",
    }
    assert facts.ran_with("zookeeper") == {}, "kazoo isn't installed"


def test_a_version_that_says_too_little(redis_environment: Environment) -> None:
    """The source of an editable install may differ: that counts as not known."""
    redis_environment.add_package("octavia", "19.0.0", editable=True)
    assert facts.ran_with("redis") == {}
