# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.octavia import introspection, program_runner
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.octavia_options import TASK_FLOW_OPTIONS
from tests.unit.adapters.octavia.conftest import PASSWORD
from tests.unit.adapters.octavia.environment import Environment
from tests.unit.adapters.octavia.remote_options import remote_options
from tests.unit.service_folder import SERVICE, as_root, service_folder


def _check_values(values: dict[str, object]) -> None:
    assert values["persistence_connection"] == f"mysql+pymysql://o:{PASSWORD}@db/p"
    assert values["jobboard_enabled"] is True
    assert values["jobboard_backend_hosts"] == ["10.0.0.1", "fd00::2"]
    assert values["jobboard_backend_port"] == 6380
    assert values["jobboard_backend_password"] == f' "{PASSWORD}" '
    assert values["jobboard_redis_backend_ssl_options"] == {
        "ssl": "True",
        "ssl_ca_certs": "/ca",
    }
    assert values["jobboard_expiration_time"] == 30
    assert set(values) == {option.name for option in TASK_FLOW_OPTIONS}


def test_octavia_itself_reads_what_was_written(
    octavia_python_path: str, conf: Path
) -> None:
    """Octavia's own definitions and oslo.config give back every value."""
    _check_values(introspection.effective_task_flow(octavia_python_path, (str(conf),)))


def test_our_own_table_reads_the_same(conf: Path) -> None:
    """Without Octavia's Python, our table gives the same values."""
    _check_values(introspection.effective_task_flow(None, (str(conf),)))


def test_the_providers_of_a_real_octavia(octavia_python_path: str) -> None:
    """Its amphorav2 is the driver that uses the jobboard, in every release."""
    found = introspection.providers(octavia_python_path)
    assert found["amphorav2"].startswith("octavia.api.drivers.amphora_driver.v2.")


def test_a_wrong_list_of_providers(tmp_path: Path) -> None:
    """The error names the option; Octavia couldn't load it either."""
    path = tmp_path / "octavia.conf"
    path.write_text("[api_settings]\nenabled_provider_drivers = amphora\n")
    with pytest.raises(PermanentError, match="enabled_provider_drivers"):
        introspection.load_providers(None, (str(path),))


@pytest.mark.parametrize("driver", ["redis", "zookeeper", "etcd"])
def test_installed_drivers_can_be_imported(
    octavia_python_path: str, driver: str
) -> None:
    """The virtual environment of the tests has all three libraries."""
    assert introspection.can_import_driver(octavia_python_path, driver) == (True, "")


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    """If taskflow's module can't be imported, the reason names the library."""
    python = _python_with(
        tmp_path, "taskflow/jobs/backends/impl_redis.py", "import no_such_client"
    )
    assert introspection.can_import_driver(python, "redis") == (
        False,
        "taskflow.jobs.backends.impl_redis: ModuleNotFoundError: "
        "No module named 'no_such_client'",
    )


def test_a_broken_library_is_reported(tmp_path: Path) -> None:
    """A library's error is the reason; its prints don't disturb the answer."""
    python = _python_with(
        tmp_path,
        "taskflow/jobs/backends/impl_redis.py",
        "print('hello')\nraise AttributeError('too old')",
    )
    ready, why = introspection.can_import_driver(python, "redis")
    assert not ready
    assert why.endswith("AttributeError: too old")


def test_a_driver_is_imported_once_until_something_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new package, or a minute, makes the same process import it again."""
    environment, ledger = Environment(tmp_path / "venv"), tmp_path / "imports"
    module = environment.site / "taskflow/jobs/backends/impl_redis.py"
    module.parent.mkdir(parents=True)
    module.write_text(f"open({str(ledger)!r}, 'a').write('x')\n")

    def imports() -> int:
        can = introspection.can_import_driver(environment.python, "redis")
        assert can == (True, "")
        return len(ledger.read_text())

    assert (imports(), imports()) == (1, 1)
    environment.add_package("redis", "5")
    assert (imports(), imports()) == (2, 2)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert imports() == 3


def _python_with(folder: Path, module: str, text: str) -> str:
    """A Python that finds the test's module first."""
    path = folder / "site" / module
    path.parent.mkdir(parents=True)
    path.write_text(text)
    for parent in list(path.parents)[: len(Path(module).parts) - 1]:
        (parent / "__init__.py").touch()
    script = folder / "python-of-octavia"
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH={folder / "site"} exec {sys.executable} "$@"\n'
    )
    script.chmod(0o755)
    return str(script)


def test_versions_are_those_of_importlib(
    octavia_python_path: str, starts: list[str]
) -> None:
    """Versions are read without a start of that Python, unless Octavia is missing."""
    script = (
        "import importlib.metadata as m; "
        "print([m.version(n) for n in ('octavia', 'taskflow', 'oslo.config')])"
    )
    done = subprocess.run(
        [octavia_python_path, "-c", script], capture_output=True, text=True, check=True
    )
    found = introspection.versions(octavia_python_path)
    assert list(found) == ["octavia", "taskflow", "oslo.config"]
    assert done.stdout == f"{list(found.values())}\n"
    assert starts == []
    assert introspection.versions(sys.executable)["octavia"] is None
    assert starts == ["installed"]


@pytest.mark.parametrize(
    ("kazoo", "use_ssl", "fails"),
    [("2.11.0", "True", True), ("2.11.0", "False", False), ("2.10.0", "True", False)],
)
def test_a_kazoo_that_cannot_use_tls(
    kazoo: str, use_ssl: str, fails: bool, tmp_path: Path
) -> None:
    """Only the version that passes the port as the host name, and only over TLS."""
    environment = Environment(tmp_path)
    environment.add_octavia("19.0.0")
    environment.add_package("kazoo", kazoo)
    options = {"jobboard_zookeeper_ssl_options": {"use_ssl": use_ssl}}
    why = introspection.tls_obstacle(environment.python, options)
    assert ("kazoo 2.11.0" in why) is fails


def test_revisions_are_those_of_alembic(
    octavia_python_path: str, starts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revisions are read from the disk, or asked if there may be more folders."""
    found = introspection.revisions(octavia_python_path)
    assert starts == []
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert introspection.revisions(octavia_python_path) == found
    assert starts == ["revisions"]
    assert len(found) > 10


def test_a_program_that_is_not_python_has_no_revisions() -> None:
    """A program that isn't Python gives no revisions and no error."""
    assert introspection.revisions("/bin/true") == ()


def test_our_modules_do_not_hide_theirs(tmp_path: Path) -> None:
    """The folder of the programs isn't searched for Octavia's libraries."""
    python = _python_with(tmp_path, "unused.py", "")
    request = {"ask": "import", "modules": ["facts"]}
    done = commands.run(
        program_runner.command(python, "answering"),
        timeout=60,
        stdin=program_runner.line(request),
        grace=1,
    )
    assert "No module named 'facts'" in done.stdout


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[task_flow]\npersistence_connection: s3cret\ns3cret\n", "line 3"),
        ("[task_flow]\npersistence_connection = é s3cret\n", "UnicodeDecodeError"),
        (None, "ConfigFilesNotFoundError"),
        ("[task_flow]\nmax_workers = s3cret\n", "max_workers"),
        ("[task_flow]\npersistence_connection = ${s3cret}\n", "persistence_connection"),
    ],
)
def test_what_octavia_cannot_load_is_an_error(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    real: bool,
    text: str | None,
    why: str,
) -> None:
    """The error says what is wrong and doesn't quote the file."""
    python = request.getfixturevalue("octavia_python_path") if real else None
    path = tmp_path / "octavia.conf"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(PermanentError, match=why) as caught:
        introspection.effective_task_flow(python, (str(path),))
    assert "s3cret" not in str(caught.value)


def test_folders_count_and_our_own_home_does_not(
    octavia_python_path: str,
    conf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A later source overrides; our home and our environment don't count."""
    folder, home = (
        tmp_path / "conf.d",
        tmp_path / "home" / ".octavia" / "octavia.conf.d",
    )
    for place, value in ((folder, "True\nmax_workers = 3"), (home, "False")):
        place.mkdir(parents=True)
        text = f"[task_flow]\njobboard_save_logbook = {value}\n"
        (place / "50-site.conf").write_text(text)
    with conf.open("a") as stream:
        stream.write("\n[task_flow]\nmax_workers = 4\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OS_TASK_FLOW__JOBBOARD_EXPIRATION_TIME", "2")
    for python in (octavia_python_path, None):
        sources = [str(conf), str(folder)]
        values = introspection.effective_task_flow(python, sources)
        assert values["jobboard_save_logbook"] is True
        assert values["jobboard_expiration_time"] == 30
        assert values["max_workers"] == 3
        values = introspection.effective_task_flow(python, sources[::-1])
        assert values["max_workers"] == 4


def test_the_file_that_cannot_be_parsed_is_named(
    octavia_python_path: str, conf: Path, tmp_path: Path
) -> None:
    """The error names the broken file of a folder."""
    broken = tmp_path / "conf.d" / "9.conf"
    broken.parent.mkdir()
    broken.write_text("[task_flow\n")
    with pytest.raises(PermanentError, match=rf"{broken} can't be parsed \(line "):
        introspection.load_task_flow(
            octavia_python_path, (str(conf), str(broken.parent))
        )


def test_what_is_not_python_is_refused() -> None:
    """The error names the program and the option to correct."""
    with pytest.raises(PermanentError, match=r"true.*\[octavia\] python"):
        introspection.versions("/bin/true")


_VICTIM = "[task_flow]\njobboard_backend_namespace = roots-secret\n"


@as_root
@pytest.mark.parametrize("by", ["octavia", "table"])
def test_no_link_of_octavias_user_is_loaded(
    by: str, request: pytest.FixtureRequest
) -> None:
    """Links in place of the file, its folder or a file in conf.d are refused."""
    python = request.getfixturevalue("octavia_python_path") if by == "octavia" else None
    with service_folder() as service:
        service.victim.write_text(_VICTIM)
        (service.path / "octavia.conf").symlink_to(service.victim)
        (service.path / "octavia.conf.d").mkdir()
        os.chown(service.path / "octavia.conf.d", SERVICE, SERVICE)
        (service.path / "octavia.conf.d" / "x.conf").symlink_to(service.victim)
        (service.path / "folder").symlink_to(service.victims)
        (service.victims / "octavia.conf").write_text(_VICTIM)
        for name in ("octavia.conf", "octavia.conf.d", "folder/octavia.conf"):
            with pytest.raises(PermanentError, match="is a symbolic link"):
                introspection.load_task_flow(python, (str(service.path / name),))


@as_root
def test_what_is_swapped_in_meanwhile_is_not_loaded(tmp_path: Path) -> None:
    """Octavia's user swaps file and link all the time; only the file is loaded."""
    with service_folder() as service:
        service.victim.write_text(_VICTIM)
        path = service.path / "octavia.conf"
        with service.racing("octavia.conf", b"[task_flow]\n"):
            for _ in range(100):
                with contextlib.suppress(PermanentError):
                    found = introspection.load_task_flow(None, (str(path),)).values
                    assert found["jobboard_backend_namespace"] != "roots-secret"


@as_root
@pytest.mark.parametrize("by", ["octavia", "table"])
def test_root_fetches_no_options_from_elsewhere(
    by: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """config_source would send root, with a key of the file's choice, to a server."""
    python = request.getfixturevalue("octavia_python_path") if by == "octavia" else None
    with remote_options(tmp_path) as (conf, asked):
        loaded = introspection.load_task_flow(python, (str(conf),))
    assert asked == []
    assert loaded.values["jobboard_enabled"] is True
    assert loaded.values["jobboard_backend_namespace"] == "octavia_jobboard"
