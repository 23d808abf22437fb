# SPDX-License-Identifier: Apache-2.0
import pytest

from amphv2_bootstrap.adapters.octavia import config_sources
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.steps.controller.check_effective_configuration import (
    CheckEffectiveConfiguration,
)
from amphv2_bootstrap.steps.controller.write_octavia_configuration import (
    WriteOctaviaConfiguration,
)
from tests.unit.steps.controller_host import Controller


@pytest.fixture(params=["octavia", "table"])
def written(request: pytest.FixtureRequest, controller: Controller) -> Controller:
    """A controller with a written file, checked with Octavia's Python or without."""
    if request.param == "octavia":
        python = request.getfixturevalue("octavia_python_path")
        controller.settings["octavia_python"] = python
    WriteOctaviaConfiguration(controller.context).execute()
    return controller


def _append(controller: Controller, *lines: str) -> None:
    with controller.conf.open("a") as stream:
        stream.write("\n".join(("", "[task_flow]", *lines, "")))


def _refused(controller: Controller) -> str:
    with pytest.raises(PermanentError) as caught:
        CheckEffectiveConfiguration(controller.context).execute()
    assert "s3cret" not in str(caught.value)
    return str(caught.value)


def test_what_was_written_is_in_force(written: Controller) -> None:
    """Octavia loads each wanted option; the file isn't changed."""
    before = written.conf.read_bytes()
    result = CheckEffectiveConfiguration(written.context).execute()
    assert result["effect"] == "unchanged"
    assert "all 8 options" in result["summary"]
    assert result["warnings"] == []
    assert written.conf.read_bytes() == before


def test_every_difference_is_named(written: Controller) -> None:
    """Each option has its values, but secrets only differ."""
    _append(
        written,
        "jobboard_backend_port = 6380",
        "jobboard_backend_hosts = 10.0.0.9",
        "jobboard_backend_password = other-s3cret",
        "persistence_connection = sqlite:///s3cret",
    )
    error = _refused(written)
    assert "jobboard_backend_port is 6380, wanted 6379" in error
    assert "jobboard_backend_hosts is ['10.0.0.9'], wanted ['10.0.0.1']" in error
    assert "jobboard_backend_password differs" in error
    assert "persistence_connection differs" in error


def test_only_the_keys_of_dictionaries_are_named(written: Controller) -> None:
    """A key file's password may be among the values."""
    written.task_flow["jobboard_redis_backend_ssl_options"] = {"ssl": "True"}
    _append(written, "jobboard_redis_backend_ssl_options = ssl:True,ssl_keyfile:s3cret")
    error = _refused(written)
    assert "ssl_options differs in ssl_keyfile" in error


def test_options_that_are_not_wanted_are_refused(written: Controller) -> None:
    """They would make another jobboard than the wanted one."""
    _append(written, "jobboard_redis_sentinel = mine", "jobboard_save_logbook = True")
    written.settings["services"] = ()
    error = _refused(written)
    assert "jobboard_redis_sentinel is 'mine', but isn't wanted" in error
    assert "jobboard_save_logbook is True, but isn't wanted" in error


def test_options_of_other_drivers_are_harmless(written: Controller) -> None:
    """Options that the driver doesn't read may stay; so may its defaults."""
    _append(
        written,
        "jobboard_etcd_ssl_options = use_ssl:False",
        "jobboard_zookeeper_ssl_options = use_ssl:True",
        "jobboard_redis_backend_db = 0",
        "max_workers = 9",
    )
    result = CheckEffectiveConfiguration(written.context).execute()
    assert result["warnings"] == []


def test_the_same_in_other_words_is_as_wanted(written: Controller) -> None:
    """What a deployment tool spells differently, or what equals a default, is right."""
    _append(
        written,
        "jobboard_enabled = yes",
        "jobboard_backend_hosts = 10.0.0.1",
        "jobboard_redis_backend_ssl_options = ssl:False",
        "jobboard_redis_sentinel_ssl_options = ssl_cert_reqs:required,ssl:no",
    )
    result = CheckEffectiveConfiguration(written.context).execute()
    assert result["warnings"] == []


def test_etcd_without_tls_must_not_have_the_option(written: Controller) -> None:
    """Octavia takes even False for https."""
    written.task_flow["jobboard_backend_driver"] = "etcd_taskflow_driver"
    del written.secrets["jobboard_backend_password"]
    WriteOctaviaConfiguration(written.context).execute()
    _append(written, "jobboard_etcd_ssl_options = use_ssl:False")
    assert "takes any use_ssl for https" in _refused(written)


def test_values_of_the_wrong_type_are_named(written: Controller) -> None:
    """Octavia could not start with them."""
    _append(written, "jobboard_backend_port = none", "jobboard_redis_backend_db = -1")
    error = _refused(written)
    assert "jobboard_backend_port is invalid" in error
    assert "jobboard_redis_backend_db is invalid" in error


def test_misspelt_options_are_warned_of(written: Controller) -> None:
    """Octavia ignores them silently."""
    _append(written, "jobboard_backend_pasword = s3cret", "unrelated = 1")
    warnings = CheckEffectiveConfiguration(written.context).execute()["warnings"]
    assert warnings == [
        "Octavia has no option [task_flow] jobboard_backend_pasword; "
        "did you mean jobboard_backend_password?",
        "Octavia has no option [task_flow] unrelated",
    ]


def test_traps_are_warned_of(written: Controller) -> None:
    """A wanted option that is in force may still break later."""
    written.task_flow["jobboard_expiration_time"] = 30
    WriteOctaviaConfiguration(written.context).execute()
    (warning,) = CheckEffectiveConfiguration(written.context).execute()["warnings"]
    assert "jobboard_expiration_time is 30 s" in warning


def test_a_folder_that_the_services_load_counts(
    octavia_python_path: str, controller: Controller
) -> None:
    """Its options override the written file's; the error names both."""
    controller.settings["octavia_python"] = octavia_python_path
    WriteOctaviaConfiguration(controller.context).execute()
    folder = controller.folder / "conf.d"
    folder.mkdir()
    (folder / "50-site.conf").write_text("[task_flow]\njobboard_backend_port = 6380\n")
    file = ("--config-file", str(controller.conf))
    controller.settings["service_arguments"] = (file, ("--config-dir", str(folder)))
    error = _refused(controller)
    assert "jobboard_backend_port is 6380, wanted 6379" in error
    assert f"{controller.conf} with {folder}" in error
    controller.settings["service_arguments"] = (("--config-dir", str(folder)), file)
    result = CheckEffectiveConfiguration(controller.context).execute()
    assert result["warnings"] == []


def test_an_assumed_order_is_a_warning(
    octavia_python_path: str, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether file or folder wins depends on the arguments of the services."""
    controller.settings["octavia_python"] = octavia_python_path
    WriteOctaviaConfiguration(controller.context).execute()
    folder = controller.conf.parent / "octavia.conf.d"
    folder.mkdir()
    monkeypatch.setattr(config_sources, "FOLDERS", (str(controller.conf.parent),))
    (warning,) = CheckEffectiveConfiguration(controller.context).execute()["warnings"]
    assert f"{controller.conf}, {folder}" in warning
    assert "service_arguments" in warning
