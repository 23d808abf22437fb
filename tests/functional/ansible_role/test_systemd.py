# SPDX-License-Identifier: Apache-2.0
"""The role and the conductor's unit under a real systemd."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import REPOSITORY
from tests.functional.ansible_role.booted_controller import (
    CONF,
    OWN_CONF,
    UNIT,
    VENV,
    Controller,
    octavia_options,
    prepare,
)
from tests.functional.ansible_role.playbook import changes
from tests.servers.booted import BootedDebian, booted
from tests.servers.debian import Debian
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
_DROP_INS = f"/etc/systemd/system/{UNIT}.service.d"
_NOTHING, _PREPARED = {"ctl1": 0}, {"amphv2_bootstrap_post": False}


@pytest.fixture
def controller(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    mariadb: MariaDB,
    redis_server: RedisServer,
) -> Iterator[Controller]:
    """Ansible hasn't been there yet; Octavia is from packages, or by "pip" from pip."""
    from_pip = getattr(request, "param", "packages") == "pip"
    debian = Debian(tmp_path / "debian", program=False)
    requirement = prepare(debian, mariadb, from_pip=from_pip)
    octavia = octavia_options(mariadb, redis_server, from_pip=from_pip)
    with booted(debian, "ctl1") as found:
        yield Controller(found, tmp_path / "deploying", requirement, octavia)


@pytest.mark.parametrize("controller", ["packages", "pip"], indirect=True)
def test_the_unit_carries_out_the_job(controller: Controller) -> None:
    """Under the unit's restrictions a job is done, with the library and the restart.

    A second run changes nothing, and a changed option restarts the conductor.
    """
    debian = controller.debian
    worker = debian.unit("octavia-worker", "ActiveState", "InvocationID")
    assert worker[0] == "active"
    output = controller.play()
    assert "sent a job through redis" in output.partition("controller on ctl1")[2]
    assert debian.unit(UNIT, "Type", "ActiveState", "UnitFileState", "NRestarts") == [
        *("notify", "active", "enabled", "0")
    ]
    file = f"/etc/systemd/system/{UNIT}.service"
    started = f"\nExecStart={VENV}/bin/{UNIT} --config-file {OWN_CONF}\n"
    assert started in debian.output("cat", file)
    assert UNIT not in debian.output("systemd-analyze", "verify", file)
    restarted = debian.unit("octavia-worker", "ActiveState", "InvocationID")
    assert restarted[0] == "active"
    assert restarted != worker
    assert "jobboard_enabled = True" in debian.output("cat", CONF)
    folders = ("/etc/amphv2-bootstrap", "/var/lib/amphv2-bootstrap")
    modes = debian.output("stat", "--format=%U %a", *folders, CONF).split("\n")
    assert modes == ["root 700", "root 700", "root 640"]
    process = controller.process()
    assert changes(controller.play()) == _NOTHING
    assert controller.process() == process
    more = {"conductor": {"poll_interval": 2}}
    output = controller.play(amphv2_bootstrap_host_config=more, **_PREPARED)
    assert changes(output) == {"ctl1": 2}
    assert controller.process() != process
    assert debian.unit(UNIT, "ActiveState") == ["active"]


def test_what_systemd_restarts(controller: Controller) -> None:
    """A killed and a hung conductor, but none with a wrong configuration."""
    debian = controller.debian
    controller.play(**_PREPARED)
    first = controller.process()
    debian.output("kill", "-KILL", first)
    _wait_for_another(controller, first)
    _hang(controller)
    _start_with_a_wrong_option(debian)


def test_a_secret_as_a_credential(controller: Controller) -> None:
    """As the page on installation has it, for the unit and for the commands."""
    debian = controller.debian
    controller.play(**_PREPARED)
    right = debian.output("cat", OWN_CONF)
    (secret,) = re.findall(r"(?m)^admin_connection = (.*)$", right)
    drop_in, options = _blocks()
    (source,) = re.findall(r"LoadCredential=\w+:(.*)", drop_in)
    debian.output("mkdir", "--parents", str(Path(source).parent))
    debian.write(source, f"{secret.replace('$$', '$')}\n")
    debian.output("chmod", "600", source)
    rest = "".join(f"{line}\n" for line in right.splitlines() if secret not in line)
    debian.write(OWN_CONF, f"{rest}\n{options}")
    plan = (f"{VENV}/bin/amphv2-bootstrap", "--config-file", OWN_CONF, "plan")
    refused = debian.run(*plan)
    assert refused.returncode == 2, refused.stdout
    debian.output("mkdir", _DROP_INS)
    debian.write(f"{_DROP_INS}/override.conf", drop_in)
    _restart_with_units(debian)
    assert debian.unit(UNIT, "ActiveState", "NRestarts") == ["active", "0"]
    planned = debian.run(*plan)
    assert planned.returncode == 4, planned.stdout
    assert "GRANT" in planned.stdout


def _blocks() -> list[str]:
    """The files of the page's example of a credential."""
    page = (REPOSITORY / "doc/source/install.rst").read_text()
    block = page.partition("it can be a credential:")[2].partition("\nThe commands")[0]
    lines = textwrap.dedent(block.partition(".. code-block:: ini\n")[2])
    found = re.split(r"(?m)^# .*\n", lines)
    assert found.pop(0).strip() == ""
    return found


def _hang(controller: Controller) -> None:
    """Stop the conductor's threads: systemd's watchdog ends it."""
    debian = controller.debian
    debian.output("mkdir", _DROP_INS)
    short = "[Service]\nWatchdogSec=40\nTimeoutAbortSec=1\n"
    debian.write(f"{_DROP_INS}/short.conf", short)
    _restart_with_units(debian)
    second = controller.process()
    debian.output("kill", "-STOP", second)
    _wait_for_another(controller, second)
    debian.output("rm", "--recursive", _DROP_INS)
    _restart_with_units(debian)


def _start_with_a_wrong_option(debian: BootedDebian) -> None:
    """It ends once with 2, and starts when the option is right again."""
    right = debian.output("cat", OWN_CONF)
    debian.write(OWN_CONF, f"{right}\n[conductor]\npoll_interval = soon\n")
    assert debian.run("systemctl", "restart", UNIT).returncode != 0
    state = ("ActiveState", "Result", "ExecMainStatus", "NRestarts")
    journal = debian.output("journalctl", "--no-pager", f"--unit={UNIT}")
    assert debian.unit(UNIT, *state) == ["failed", "exit-code", "2", "0"], journal
    debian.write(OWN_CONF, right)
    debian.output("systemctl", "start", UNIT)
    debian.output("systemctl", "reload", UNIT)
    assert debian.unit(UNIT, "ActiveState") == ["active"]


def _restart_with_units(debian: BootedDebian) -> None:
    debian.output("systemctl", "daemon-reload")
    code = debian.run("systemctl", "restart", UNIT).returncode
    assert code == 0, debian.output("journalctl", "--no-pager", f"--unit={UNIT}")


def _wait_for_another(controller: Controller, process: str) -> None:
    wait_until(
        lambda: (
            controller.debian.unit(UNIT, "ActiveState") == ["active"]
            and controller.process() != process
        ),
        what="systemd has started the conductor again",
        timeout=200,
        state=lambda: controller.debian.run("systemctl", "status", UNIT).stdout,
    )
