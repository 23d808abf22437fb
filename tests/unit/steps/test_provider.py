# SPDX-License-Identifier: Apache-2.0
"""Whether load balancers use the jobboard, by release and provider driver."""

from dataclasses import replace

import pytest

from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import loaded
from amphv2_bootstrap.steps.controller.write_octavia_configuration import (
    WriteOctaviaConfiguration,
)
from amphv2_bootstrap.steps.provider import refuse_unused_jobboard, use
from tests.unit.adapters.octavia.environment import Environment
from tests.unit.steps.controller_host import Controller

WALLABY = {"amphora": "v1", "octavia": "v1", "amphorav2": "v2"}
XENA = {"amphora": "v2", "amphorav1": "v1", "amphorav2": "v2", "octavia": "v2"}
API = "api_settings"


def _of(controller: Controller, providers: dict[str, str], *lines: str) -> Controller:
    """The controller with an Octavia that has these providers, and an octavia.conf."""
    folder = controller.folder / "venv"
    folder.mkdir()
    environment = Environment(folder)
    environment.add_octavia("8.0.1")
    environment.add_providers(**providers)
    controller.settings["octavia_python"] = environment.python
    controller.conf.write_text("\n".join(("[api_settings]", *lines, "")))
    return controller


def _setting(controller: Controller) -> Context:
    context = controller.context
    return replace(context, spec=replace(context.spec, set_default_provider=True))


def _written(controller: Controller) -> dict[str, str]:
    return conf_file.get_options(controller.conf.read_bytes(), API)


def test_until_wallaby_the_default_provider_never_uses_it(
    controller: Controller,
) -> None:
    """What Octavia has without any option is refused, with what must be set."""
    with pytest.raises(PermanentError) as caught:
        refuse_unused_jobboard(_of(controller, WALLABY).context)
    for word in ("amphora, the default", "default_provider_driver = amphorav2"):
        assert word in str(caught.value)
    assert "amphorav2:The Octavia Amphora driver" in caught.value.todo
    assert "set_default_provider = true" in caught.value.todo


def test_from_xena_on_the_default_provider_uses_it(controller: Controller) -> None:
    """Nothing needs to be set."""
    context = _of(controller, XENA).context
    assert refuse_unused_jobboard(context) == ()
    assert use(context, loaded(context)).text.startswith("load balancers of amphora,")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("default_provider_driver = amphorav1",), "amphorav1, which"),
        (
            (
                "default_provider_driver = amphorav1",
                "enabled_provider_drivers = amphora:One,amphorav1:Two",
            ),
            "load balancers of amphorav1",
        ),
        (
            (
                "default_provider_driver = ovn",
                "enabled_provider_drivers = ovn:OVN",
            ),
            "load balancers of ovn",
        ),
    ],
)
def test_a_default_that_uses_no_jobboard(
    controller: Controller, lines: tuple[str, ...], why: str
) -> None:
    """The old driver, one that isn't enabled, and a stranger alone are refused."""
    with pytest.raises(PermanentError, match=why):
        refuse_unused_jobboard(_of(controller, XENA, *lines).context)


def test_a_provider_beside_octavias_own_is_the_operators_choice(
    controller: Controller,
) -> None:
    """A warning says which load balancers use the jobboard."""
    lines = (
        "default_provider_driver = ovn",
        "enabled_provider_drivers = ovn: OVN, amphora: Octavia",
    )
    (warning,) = refuse_unused_jobboard(_of(controller, XENA, *lines).context)
    assert "default provider is ovn" in warning
    assert "only load balancers of the provider amphora" in warning


def test_it_is_refused_before_the_file_is_written(controller: Controller) -> None:
    """The file stays as it is."""
    context = _of(controller, WALLABY).context
    before = controller.conf.read_bytes()
    with pytest.raises(PermanentError, match="never use it"):
        WriteOctaviaConfiguration(context).execute()
    assert controller.conf.read_bytes() == before


def test_the_default_provider_is_set_once(controller: Controller) -> None:
    """Other providers stay enabled, and a second run changes nothing."""
    lines = ("enabled_provider_drivers = ovn: OVN $$1, amphora: Octavia",)
    context = _setting(_of(controller, WALLABY, *lines))
    result = WriteOctaviaConfiguration(context).execute()
    assert "default_provider_driver" in result["summary"]
    found = _written(controller)
    assert found["default_provider_driver"] == "amphorav2"
    assert found["enabled_provider_drivers"] == (
        "ovn:OVN $$1,amphora:Octavia,"
        "amphorav2:The Octavia Amphora driver with a jobboard."
    )
    assert use(context, loaded(context)).text.startswith("load balancers of amphorav2")
    after = controller.conf.read_bytes()
    WriteOctaviaConfiguration(context).execute()
    assert controller.conf.read_bytes() == after


def test_a_right_default_is_left_alone(controller: Controller) -> None:
    """Nothing of the section is written."""
    WriteOctaviaConfiguration(_setting(_of(controller, XENA))).execute()
    assert _written(controller) == {}


def test_a_revert_takes_it_back(controller: Controller) -> None:
    """The file is again as before the job."""
    context = _setting(_of(controller, WALLABY))
    before = controller.conf.read_bytes()
    step = WriteOctaviaConfiguration(context)
    step.revert(step.execute())
    assert controller.conf.read_bytes() == before


def test_a_list_of_providers_that_cannot_be_read(controller: Controller) -> None:
    """The refusal names the option, and what must be set by hand."""
    context = _setting(_of(controller, WALLABY, "enabled_provider_drivers = amphora"))
    with pytest.raises(PermanentError, match=r"enabled_provider.*amphorav2"):
        WriteOctaviaConfiguration(context).execute()


def test_without_octavias_python_the_newest_release_is_assumed(
    controller: Controller,
) -> None:
    """amphora uses the jobboard there."""
    assert refuse_unused_jobboard(controller.context) == ()
