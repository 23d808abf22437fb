# SPDX-License-Identifier: Apache-2.0
"""The steps that prove the jobboard, and when they can't."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.steps.base import NOT_APPLICABLE, UNCHANGED, Step, StepResult
from amphv2_bootstrap.steps.canary import recent
from amphv2_bootstrap.steps.cloud.prove_jobboard import ProveJobboard
from amphv2_bootstrap.steps.controller.prove_controller import ProveController
from tests.unit.adapters.octavia.private_library import OneUser, only_as_root
from tests.unit.sentinels import ANSWERING, REFUSING, SILENT, listening_sentinels
from tests.unit.steps.controller_host import Controller

_SHOWN = {"octavia": "19.0.0", "taskflow": "6.5.0", "redis": "8.1.0"}
_EXPIRY = {"link": "expiry", "seconds": 1.0}
_FACTS = {
    "facts": {
        "revision": "1",
        "claim_seconds": 1,
        "takeover_seconds": 1.04,
        "shown": _SHOWN,
    },
}
STEPS = (ProveJobboard, ProveController)


def _octavia(controller: Controller, *lines: object) -> None:
    """A fake of Octavia's Python that keeps its request and files, and prints these."""
    folder = controller.folder
    (folder / "lines").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    controller.settings["octavia_python"] = controller.program(
        "python",
        f"head -n 1 > {folder}/request\n"
        f"cp {folder}/var/state/*.conf {folder}/overlay 2> /dev/null\n"
        f"cat {folder}/lines\n",
    )


def _files(controller: Controller) -> list[str]:
    request = json.loads((controller.folder / "request").read_text())
    files: list[str] = request["sources"]
    return files


@pytest.mark.parametrize("step", STEPS)
def test_sqlite_is_not_proven(step: type[Step], controller: Controller) -> None:
    """Not applicable, with a warning that says so and what to do."""
    result = step(controller.sqlite(Path("/tmp/x.sqlite"))).act()
    assert result.effect == NOT_APPLICABLE
    assert "NOT PROVEN on c1" in result.summary
    assert "NOT PROVEN on c1" in result.warnings[0]
    assert "persistence_connection" in result.warnings[0]


@pytest.mark.parametrize("step", STEPS)
def test_without_octavias_python(step: type[Step], controller: Controller) -> None:
    """Not applicable, with a warning how to prove it."""
    result = step(controller.context).act()
    assert result.effect == NOT_APPLICABLE
    assert "NOT PROVEN on c1" in result.summary
    assert "amphv2-bootstrap verify" in result.warnings[0]


def test_controller_is_proven_by_its_own_file_alone(controller: Controller) -> None:
    """Only octavia.conf is loaded; notes become warnings."""
    _octavia(controller, _EXPIRY, {"note": "something to know"}, _FACTS)
    result = ProveController(controller.context).act()
    assert result.effect == UNCHANGED
    assert "1.0 s" in result.summary
    assert result.warnings == ("something to know",)
    assert _files(controller) == [str(controller.conf)]


def test_what_the_cloud_has_shown_is_passed_on(controller: Controller) -> None:
    """The cloud's result has it, the controller's canary gets it, and says so."""
    _octavia(controller, _EXPIRY, _FACTS)
    stored = ProveJobboard(controller.context).act().to_dict()
    shown = recent(StepResult.from_dict(stored).shown)
    assert shown == _SHOWN
    without = {"facts": {**_FACTS["facts"], "shown": {}}}
    _octavia(controller, without)
    context = replace(controller.context, shown=lambda: shown)
    result = ProveController(context).act()
    request = json.loads((controller.folder / "request").read_text())
    assert request["shown"] == _SHOWN
    assert "which gave it back" in result.summary
    assert "shown" not in result.to_dict()


def test_jobboard_is_proven_with_the_wanted_options(controller: Controller) -> None:
    """A private file with all of them is loaded after octavia.conf, then removed."""
    _octavia(controller, _FACTS)
    before = controller.conf.read_bytes()
    result = ProveJobboard(controller.context).act()
    assert result.effect == UNCHANGED
    conf, overlay = _files(controller)
    assert conf == str(controller.conf)
    assert not Path(overlay).exists()
    text = (controller.folder / "overlay").read_text()
    assert "jobboard_backend_hosts = 10.0.0.1\n" in text
    assert "jobboard_backend_password = redis$$s3cret\n" in text
    assert "persistence_connection = mysql+pymysql://octavia:p%40s" in text
    assert controller.conf.read_bytes() == before


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        ("redis.exceptions.AuthenticationError", PermanentError),
        ("redis.exceptions.ConnectionError", TransientError),
        ("redis.sentinel.MasterNotFoundError", TransientError),
    ],
)
def test_a_broken_link_is_an_error(
    step: type[Step], cause: str, kind: type[Exception], controller: Controller
) -> None:
    """Its kind is that of the cause; both passwords are masked."""
    text = "refused p@s:w/o#r%d$x and redis$s3cret"
    chain = [{"type": cause, "text": text}]
    _octavia(controller, {"broken": "jobboard-connect", "chain": chain})
    with pytest.raises(kind, match=r"\(link jobboard-connect\)") as caught:
        step(controller.context).act()
    assert "refused *** and ***" in str(caught.value)
    assert not list(controller.folder.glob("var/state/*.conf"))


_MISSING = {
    "broken": "jobboard-driver",
    "chain": [{"type": "builtins.ModuleNotFoundError", "text": "No module 'redis'"}],
}


def test_library_that_is_not_installed_yet(controller: Controller) -> None:
    """In the flow ``cloud`` it is no failure; in the flow ``controller`` it is."""
    _octavia(controller, _MISSING)
    result = ProveJobboard(controller.context).act()
    assert result.effect == NOT_APPLICABLE
    assert "prove-controller" in result.warnings[0]
    with pytest.raises(PermanentError, match="jobboard-driver"):
        ProveController(controller.context).act()


@pytest.mark.parametrize("step", STEPS)
def test_user_that_may_use_nothing_else(
    step: type[Step], controller: Controller
) -> None:
    """Without a scratch namespace the jobboard is unproven, not broken."""
    kind = "amphv2_programs.own_rights.ScratchRefusedError"
    chain = [{"type": kind, "text": "nothing beside it"}]
    _octavia(controller, {"broken": "post", "chain": chain})
    result = step(controller.context).act()
    assert result.effect == NOT_APPLICABLE
    assert "NOT PROVEN on c1" in result.summary
    assert "nothing beside it" in result.warnings[0]


@pytest.mark.parametrize("step", STEPS)
def test_a_silent_sentinel_is_named(step: type[Step], controller: Controller) -> None:
    """Octavia's services wait for it, and a proof does not for long."""
    with listening_sentinels() as port:
        controller.task_flow |= {
            "jobboard_backend_hosts": (SILENT, ANSWERING),
            "jobboard_backend_port": port,
            "jobboard_redis_sentinel": "mymaster",
        }
        _octavia(controller, _FACTS)
        (warning,) = step(controller.context).act().warnings
        chain = [{"type": "redis.exceptions.TimeoutError", "text": "no answer"}]
        _octavia(controller, {"broken": "claim", "chain": chain})
        with pytest.raises(TransientError) as caught:
            step(controller.context).act()
    for text in (warning, caught.value.todo):
        assert f"No answer from the Sentinel {SILENT}:{port}: " in text
        assert "name it last" in text


@pytest.mark.parametrize("step", STEPS)
def test_all_sentinels_are_silent(step: type[Step], controller: Controller) -> None:
    """All are named, and no order is advised: none would help."""
    with listening_sentinels() as port:
        controller.task_flow |= {
            "jobboard_backend_hosts": (SILENT, REFUSING),
            "jobboard_backend_port": port,
            "jobboard_redis_sentinel": "mymaster",
        }
        cause = {"type": "redis.sentinel.MasterNotFoundError", "text": "No master"}
        _octavia(controller, {"broken": "jobboard-connect", "chain": [cause]})
        with pytest.raises(TransientError) as caught:
            step(controller.context).act()
    names = f"{SILENT}:{port}, {REFUSING}:{port}"
    assert f"None of the Sentinels answers ({names})" in caught.value.todo
    assert "name it last" not in caught.value.todo


@only_as_root
@pytest.mark.parametrize("step", STEPS)
def test_what_proves_runs_as_the_services_user(step: type[ProveJobboard]) -> None:
    """Root could read, and reach, what Octavia's services can't."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        controller = Controller(Path(name))
        controller.settings["restart_commands"] = ()
        controller.settings["octavia_python"] = controller.program(
            "python",
            'read -r request\necho "{\\"note\\": \\"$(id -un)\\"}"\n'
            f"echo '{json.dumps(_FACTS)}'\n",
        )
        result = step(controller.context, OneUser()).act()
    assert result.warnings == ("nobody",)
