# SPDX-License-Identifier: Apache-2.0
"""Our table loads octavia.conf if it is exact, otherwise Octavia does."""

import json
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.octavia import introspection
from tests.unit.adapters.octavia.environment import Environment


def _asked_in_full(python: str, conf: Path) -> introspection.TaskFlow:
    """Octavia's answer; a reference to a different group makes its Python load."""
    more = conf.with_name("more.conf")
    more.write_text(
        "[task_flow]\njobboard_backend_namespace = ns_${neutron.region_name}\n"
    )
    found = introspection.load_task_flow(python, (str(conf), str(more)))
    assert found.values["jobboard_backend_namespace"] == "ns_"
    same = {**found.values, "jobboard_backend_namespace": "octavia_jobboard"}
    return introspection.TaskFlow(same, found.defaults, found.invalid)


def test_the_table_reads_what_octavia_reads(
    octavia_python_path: str, conf: Path, starts: list[str]
) -> None:
    """Our table gives Octavia's values and defaults without starting a process."""
    by_table = introspection.load_task_flow(octavia_python_path, (str(conf),))
    assert starts == []
    by_octavia = _asked_in_full(octavia_python_path, conf)
    assert starts == ["options"]
    # Octavia's answer comes as JSON.
    assert json.loads(json.dumps(by_table.defaults)) == by_octavia.defaults
    assert json.loads(json.dumps(by_table.values)) == by_octavia.values
    assert list(by_table.defaults) == list(by_octavia.defaults)


@pytest.mark.parametrize(
    "line",
    [
        "jobboard_backend_namespace = $region",
        "jobboard_backend_port = ${neutron.region_name}",
        "jobboard_backend_pasword = misspelt",
    ],
)
def test_octavia_reads_what_the_table_does_not_know(
    octavia_python_path: str, conf: Path, starts: list[str], line: str
) -> None:
    """Octavia loads references to other groups and options that our table lacks."""
    with conf.open("a") as stream:
        stream.write(f"\n[task_flow]\n{line}\n")
    introspection.load_task_flow(octavia_python_path, (str(conf),))
    assert starts == ["options"]


def test_a_reference_within_the_group_needs_no_octavia(
    octavia_python_path: str, conf: Path, starts: list[str]
) -> None:
    """References within the group and escaped dollars need no process."""
    with conf.open("a") as stream:
        stream.write(
            "\n[task_flow]\njobboard_backend_username = $$x\n"
            "jobboard_backend_namespace = ns_$jobboard_backend_port\n"
        )
    found = introspection.load_task_flow(octavia_python_path, (str(conf),))
    assert found.values["jobboard_backend_namespace"] == "ns_6380"
    assert found.values["jobboard_backend_username"] == "$x"
    assert starts == []


_NOVEL = """
from oslo_config import cfg
task_flow_opts = [cfg.StrOpt("novel", default="new")]
cfg.CONF.register_opts(task_flow_opts, group="task_flow")
"""


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A virtual environment; its Octavia has one option that our table lacks."""
    found = Environment(tmp_path / "venv")
    found.add_module("octavia/common/config.py", _NOVEL)
    return found


@pytest.mark.parametrize("version", ["20.0.0", "19.1.0.dev7", "5.0.0"])
def test_a_release_that_the_table_lacks_is_asked(
    environment: Environment, conf: Path, starts: list[str], version: str
) -> None:
    """The Python of an unknown release loads the file, in one process."""
    environment.add_octavia(version)
    found = introspection.load_task_flow(environment.python, (str(conf),))
    assert found.values == {"novel": "new"}
    assert starts == ["options"]


def test_source_that_may_have_changed_is_asked(
    environment: Environment, conf: Path, starts: list[str]
) -> None:
    """The Python of an editable install loads the file."""
    environment.add_octavia("18.0.0", editable=True)
    found = introspection.load_task_flow(environment.python, (str(conf),))
    assert found.defaults == {"novel": "new"}
    assert starts == ["options"]


def test_an_older_release_has_its_own_options(
    environment: Environment, conf: Path, starts: list[str]
) -> None:
    """An option that this release lacks is neither a value nor a default."""
    environment.add_octavia("12.0.0")
    found = introspection.load_task_flow(environment.python, (str(conf),))
    assert found.defaults["jobboard_backend_password"] == ""
    assert "jobboard_backend_username" not in found.values
    assert starts == []


def test_a_python_outside_environments_gives_only_its_versions(
    environment: Environment, conf: Path, starts: list[str]
) -> None:
    """A distribution's Python is asked for its versions; our table has the options."""
    environment.add_octavia("12.0.0")
    with environment.settings.open("a") as stream:
        stream.write("include-system-site-packages = true\n")
    found = introspection.load_task_flow(environment.python, (str(conf),))
    assert "jobboard_enabled" in found.values
    assert starts == ["installed"]


def test_a_script_is_asked_for_everything(
    environment: Environment, conf: Path, starts: list[str]
) -> None:
    """A script may start a Python in a container, so it must load the file."""
    environment.add_octavia("12.0.0")
    script = environment.folder / "python-of-octavia"
    script.write_text(f'#!/bin/sh\nexec {environment.python} "$@"\n')
    script.chmod(0o755)
    found = introspection.load_task_flow(str(script), (str(conf),))
    assert found.values == {"novel": "new"}
    assert starts == ["options"]
