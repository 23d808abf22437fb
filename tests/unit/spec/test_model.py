# SPDX-License-Identifier: Apache-2.0
"""The specification as JSON and back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec, Value, on_host
from amphv2_bootstrap.spec.octavia_options import TASK_FLOW_OPTIONS, TaskFlowOption

_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=12)
_TEXTS = st.lists(_TEXT, max_size=3).map(tuple)
_PAIRS = st.dictionaries(_TEXT, _TEXT, max_size=3)
_KINDS: dict[str, st.SearchStrategy[Value]] = {
    "str": _TEXT,
    "int": st.integers(-(2**31), 2**31),
    "port": st.integers(1, 65535),
    "bool": st.booleans(),
    "list": _TEXTS,
    "dict": _PAIRS,
}


def _value(option: TaskFlowOption) -> st.SearchStrategy[Value]:
    return _KINDS[option.kind]


_URLS = st.builds(
    DatabaseUrl,
    drivername=st.sampled_from(["mysql+pymysql", "sqlite"]),
    username=st.none() | _TEXT,
    host=st.none() | _TEXT,
    port=st.none() | st.integers(1, 65535),
    database=st.none() | _TEXT,
    query=_PAIRS,
)
_SPECS = st.builds(
    Spec,
    persistence=_URLS,
    task_flow=st.fixed_dictionaries(
        {},
        optional={
            option.name: _value(option)
            for option in TASK_FLOW_OPTIONS
            if not option.secret
        },
    ),
    controllers=_TEXTS,
    grant_hosts=_TEXTS,
    secret_names=_TEXTS,
    install_key_value_backend=st.booleans(),
    key_value_hosts=_TEXTS,
    on_failure=st.sampled_from(["park", "revert"]),
    set_default_provider=st.booleans(),
    controllers_at_once=st.none() | st.integers(1, 99),
)


@given(spec=_SPECS)
def test_spec_survives_json(spec: Spec) -> None:
    """The JSON form keeps every value and its type."""
    read = Spec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert read == spec
    kinds = {name: type(value) for name, value in spec.task_flow.items()}
    assert {name: type(value) for name, value in read.task_flow.items()} == kinds


@given(spec=_SPECS)
def test_json_does_not_depend_on_the_order_of_options(spec: Spec) -> None:
    """Two controllers that are configured alike write the same text."""
    backwards = dict(reversed(spec.to_dict()["task_flow"].items()))
    other = Spec.from_dict({**spec.to_dict(), "task_flow": backwards})
    assert json.dumps(other.to_dict()) == json.dumps(spec.to_dict())


SPEC = Spec(
    persistence=DatabaseUrl("mysql+pymysql", "octavia", "db1", 3306, "p"),
    task_flow={"jobboard_backend_hosts": ("kv1",), "jobboard_backend_port": 6379},
    controllers=("ctl1",),
).to_dict()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"persistence": {"drivername": "sqlite"}},
        {**SPEC, "more": 1},
        {name: SPEC[name] for name in SPEC if name != "grant_hosts"},
        {**SPEC, "controllers": "ctl1"},
        {**SPEC, "controllers": [["ctl1"]]},
        {**SPEC, "controllers": None},
        {**SPEC, "install_key_value_backend": 1},
        {**SPEC, "on_failure": None},
        {**SPEC, "set_default_provider": "true"},
        {**SPEC, "controllers_at_once": "2"},
        {**SPEC, "controllers_at_once": True},
        {**SPEC, "task_flow": []},
        {**SPEC, "task_flow": {"jobboard_backend_port": 1.5}},
        {**SPEC, "task_flow": {"jobboard_backend_hosts": [None]}},
        {**SPEC, "task_flow": {"jobboard_backend_username": "x\nrequirepass y"}},
        {**SPEC, "task_flow": {"jobboard_redis_backend_ssl_options": {"a": {}}}},
        {**SPEC, "persistence": "mysql+pymysql://db1/p"},
        {**SPEC, "persistence": {**SPEC["persistence"], "password": "x"}},
        {**SPEC, "persistence": {**SPEC["persistence"], "host": "db1\n[x]"}},
        {**SPEC, "persistence": {**SPEC["persistence"], "port": "3306"}},
        {**SPEC, "persistence": {**SPEC["persistence"], "port": True}},
        {**SPEC, "persistence": {**SPEC["persistence"], "query": {"a": 1}}},
    ],
    ids=str,
)
def test_other_data_is_refused(data: Any) -> None:
    """Missing and unknown fields, other types and control characters are errors."""
    Spec.from_dict(SPEC)
    with pytest.raises(ValueError, match=r"other|control"):
        Spec.from_dict(data)


def test_an_older_conductor_reads_what_it_knows() -> None:
    """A newer field is in the JSON form only where it says something."""
    spec = Spec.from_dict(SPEC)
    assert "set_default_provider" not in spec.to_dict()
    wanted = replace(spec, set_default_provider=True)
    assert wanted.to_dict()["set_default_provider"] is True
    assert "controllers_at_once" not in spec.to_dict()
    assert replace(spec, controllers_at_once=2).to_dict()["controllers_at_once"] == 2


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/etc/octavia", "/kolla/worker"),
        ("/etc/octavia/ca.pem", "/kolla/worker/ca.pem"),
        ("/etc/octavia/certs/ca.pem", "/certs/ca.pem"),
        ("/etc/octavia2/ca.pem", "/etc/octavia2/ca.pem"),
        ("true", "true"),
    ],
)
def test_paths_on_the_host(path: str, found: str) -> None:
    """The longest folder that holds the path counts; others stay."""
    paths = {"/etc/octavia": "/kolla/worker/", "/etc/octavia/certs/": "/certs"}
    assert on_host(path, paths) == found
