# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest

from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.steps.controller.ensure_client_library import (
    EnsureClientLibrary,
    refuse_missing_library,
)
from tests.unit.irreplaceable import WAYS
from tests.unit.steps.controller_host import Controller

# Its pip notes the call, and fixes the import unless a file "useless" is there.
_PYTHON = """site={folder}/site
if [ "$1 $2" = "-m pip" ]; then
    echo "$@" >>{folder}/calls
    [ ! -e {folder}/refuse ] || {{ echo no network; exit 1; }}
    [ -e {folder}/useless ] || echo >$site/taskflow/jobs/backends/impl_redis.py
    exit 0
fi
PYTHONPATH=$site exec {python} "$@"
"""


@pytest.fixture
def lacking(controller: Controller) -> Controller:
    """A controller with an Octavia that lacks the Redis client."""
    module = controller.folder / "site/taskflow/jobs/backends/impl_redis.py"
    module.parent.mkdir(parents=True)
    for package in (module.parent, module.parents[1], module.parents[2]):
        (package / "__init__.py").touch()
    module.write_text("import no_such_redis")
    metadata = controller.folder / "site/taskflow-6.5.0.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: taskflow\nVersion: 6.5.0\n")
    body = _PYTHON.format(folder=controller.folder, python=sys.executable)
    controller.settings["octavia_python"] = controller.program("python3", body)
    return controller


def _calls(controller: Controller) -> str:
    path = controller.folder / "calls"
    return path.read_text() if path.exists() else ""


def test_an_importable_driver_is_left_alone(
    controller: Controller, octavia_python_path: str
) -> None:
    """With a real Octavia and its library nothing changes, and no restart is due."""
    controller.settings["octavia_python"] = octavia_python_path
    assert EnsureClientLibrary(controller.context).execute()["effect"] == "unchanged"
    assert not controller.marker.is_set()


def test_without_permission_the_error_has_the_command(lacking: Controller) -> None:
    """The operator gets the exact command and the reason."""
    command = r"python3 -m pip install 'taskflow\[redis\]==6\.5\.0'"
    with pytest.raises(PermanentError, match=rf"no_such_redis.*Run: .*{command}"):
        EnsureClientLibrary(lacking.context).execute()
    assert _calls(lacking) == ""
    assert not lacking.marker.is_set()


def test_pip_installs_the_extra_of_the_taskflow_that_is_there(
    lacking: Controller,
) -> None:
    """A look has said so. The import is tried again, and a restart is due."""
    lacking.settings["install_client_library"] = "pip"
    (change,) = EnsureClientLibrary(lacking.context).look().changes
    assert change.text.endswith("/python3 -m pip install 'taskflow[redis]==6.5.0'")
    assert (_calls(lacking), lacking.marker.is_set()) == ("", False)
    result = EnsureClientLibrary(lacking.context).execute()
    assert result["effect"] == "changed"
    assert _calls(lacking) == "-m pip install taskflow[redis]==6.5.0\n"
    assert lacking.marker.is_set()
    assert EnsureClientLibrary(lacking.context).execute()["effect"] == "unchanged"


def test_an_install_that_does_not_help_is_an_error(lacking: Controller) -> None:
    """Only the import proves success, not pip."""
    lacking.settings["install_client_library"] = "pip"
    (lacking.folder / "useless").touch()
    with pytest.raises(PermanentError, match=r"no_such_redis.*wasn't enough"):
        EnsureClientLibrary(lacking.context).execute()


def test_a_failed_install_is_transient(lacking: Controller) -> None:
    """The error has pip's output."""
    lacking.settings["install_client_library"] = "pip"
    (lacking.folder / "refuse").touch()
    with pytest.raises(TransientError, match="no network"):
        EnsureClientLibrary(lacking.context).execute()


@pytest.mark.parametrize(
    ("installer", "query"), [("apt-get", "dpkg-query"), ("dnf", "rpm")]
)
def test_packages_are_installed_by_the_hosts_installer(
    lacking: Controller, monkeypatch: pytest.MonkeyPatch, installer: str, query: str
) -> None:
    """The distribution's package is installed, and the import tried again."""
    lacking.settings["install_client_library"] = "packages"
    folder = lacking.folder / "bin"
    folder.mkdir()
    module = lacking.folder / "site/taskflow/jobs/backends/impl_redis.py"
    (folder / installer).write_text(
        f'#!/bin/sh\necho "$@" >{lacking.folder}/calls\n: >{module}\n'
    )
    (folder / query).write_text("#!/bin/sh\n")
    for program in folder.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    assert EnsureClientLibrary(lacking.context).execute()["effect"] == "changed"
    assert " python3-redis" in _calls(lacking)
    assert lacking.marker.is_set()


def test_a_host_without_an_installer_is_refused(
    lacking: Controller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error says that there is no package system."""
    lacking.settings["install_client_library"] = "packages"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PermanentError, match="apt"):
        EnsureClientLibrary(lacking.context).execute()


def test_without_octavias_python_nothing_is_checked(controller: Controller) -> None:
    """With containers, the image must have the library: a warning."""
    result = EnsureClientLibrary(controller.context).execute()
    assert result["effect"] == "not-applicable"
    assert "octavia[redis]" in result["warnings"][0]


def test_a_python_without_taskflow_is_refused(lacking: Controller) -> None:
    """Nothing is installed into an interpreter that doesn't run Octavia."""
    lacking.settings["install_client_library"] = "pip"
    metadata = lacking.folder / "site/taskflow-6.5.0.dist-info/METADATA"
    metadata.unlink()
    metadata.parent.rmdir()
    python = lacking.folder / "python3"
    python.write_text(
        python.read_text().replace(f'{sys.executable} "', f'{sys.executable} -S "')
    )
    with pytest.raises(PermanentError, match="taskflow isn't installed"):
        EnsureClientLibrary(lacking.context).execute()
    assert _calls(lacking) == ""


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_installed_if_octavias_file_cannot_be_written(
    way: str, lacking: Controller
) -> None:
    """The flow stops before it has changed the library."""
    lacking.settings["install_client_library"] = "pip"
    make, words = WAYS[way]
    with make(lacking.conf), pytest.raises(PermanentError, match=words):
        EnsureClientLibrary(lacking.context).execute()
    assert _calls(lacking) == ""
    assert not lacking.marker.is_set()


def test_a_kazoo_that_cannot_use_tls_is_replaced(lacking: Controller) -> None:
    """It can be imported, but Octavia can't connect by it: pip gets another one."""
    site = lacking.folder / "site"
    for name in ("jobs/backends/impl_zookeeper.py", "utils/kazoo_utils.py"):
        module = site / "taskflow" / name
        module.parent.mkdir(exist_ok=True)
        module.touch()
    metadata = site / "kazoo-2.11.0.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: kazoo\nVersion: 2.11.0\n")
    lacking.task_flow |= {
        "jobboard_backend_driver": "zookeeper_taskflow_driver",
        "jobboard_zookeeper_ssl_options": {"use_ssl": "True"},
    }
    lacking.settings["install_client_library"] = "pip"
    with pytest.raises(PermanentError, match=r"kazoo 2\.11\.0 can't connect"):
        EnsureClientLibrary(lacking.context).execute()
    assert _calls(lacking).endswith("taskflow[zookeeper]==6.5.0 kazoo!=2.11.0\n")
    lacking.task_flow.pop("jobboard_zookeeper_ssl_options")
    assert EnsureClientLibrary(lacking.context).execute()["effect"] == "unchanged"


@pytest.fixture
def packaged(lacking: Controller, monkeypatch: pytest.MonkeyPatch) -> Controller:
    """The same, where Octavia is a package of Debian or of RDO."""
    metadata = lacking.folder / "site/octavia-11.0.0.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: octavia\nVersion: 11.0.0\n")
    folder = lacking.folder / "bin"
    folder.mkdir()
    for name in ("sh", "rm"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    return lacking


def _installer(controller: Controller, installer: str, query: str, owned: str) -> None:
    """Programs of a package system, in which one path belongs to a package."""
    body = f'#!/bin/sh\n[ "$1 $2" = "{owned} {controller.folder}/site/octavia" ]\n'
    for name in (installer, query):
        program = controller.folder / "bin" / name
        program.write_text(body)
        program.chmod(0o755)


@pytest.mark.parametrize("how", ["never", "pip"])
@pytest.mark.parametrize(
    ("installer", "query", "owned"),
    [("apt-get", "dpkg-query", "-S"), ("dnf", "rpm", "-qf")],
)
def test_the_distributions_package_is_named_where_octavia_is_one(
    packaged: Controller, how: str, installer: str, query: str, owned: str
) -> None:
    """Its Python has no pip, or a pip that refuses."""
    packaged.settings["install_client_library"] = how
    _installer(packaged, installer, query, owned)
    words = rf"distribution's package\. Run: {installer} install python3-redis\."
    with pytest.raises(PermanentError, match=words):
        EnsureClientLibrary(packaged.context).execute()
    with pytest.raises(PermanentError, match=words):
        refuse_missing_library(packaged.context)
    assert _calls(packaged) == ""


def test_octavia_from_pip_beside_packages_gets_pips_command(
    packaged: Controller,
) -> None:
    """A package system that doesn't contain that Octavia isn't named."""
    _installer(packaged, "apt-get", "dpkg-query", "-no-such")
    with pytest.raises(PermanentError, match=r"Run: .*-m pip install"):
        refuse_missing_library(packaged.context)


@pytest.mark.parametrize("how", ["pip", "packages"])
def test_what_will_be_installed_is_no_obstacle(lacking: Controller, how: str) -> None:
    """The first flow doesn't refuse what the second one makes good."""
    lacking.settings["install_client_library"] = how
    refuse_missing_library(lacking.context)
    assert _calls(lacking) == ""
