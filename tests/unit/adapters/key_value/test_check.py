# SPDX-License-Identifier: Apache-2.0
"""Errors that the check raises before it connects."""

import pytest

from amphv2_bootstrap.adapters import key_value
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec, Value
from amphv2_bootstrap.spec.secret import Secrets


@pytest.mark.parametrize(
    ("driver", "option", "value", "todo"),
    [
        ("etcd", "jobboard_etcd_ssl_options", {"ca_cert": "/ca"}, "Add use_ssl:True"),
        ("zookeeper", "jobboard_backend_hosts", ("fd00::1",), "Write [fd00::1]"),
    ],
)
def test_an_option_that_breaks_octavias_client_is_refused(
    driver: str, option: str, value: Value, todo: str
) -> None:
    """The error names the option and says what to write."""
    task_flow: dict[str, Value] = {
        "jobboard_backend_driver": f"{driver}_taskflow_driver",
        "jobboard_backend_hosts": ("nowhere.invalid",),
        "jobboard_backend_port": 1,
        option: value,
    }
    spec = Spec(DatabaseUrl("mysql+pymysql"), task_flow, ("c1",))
    with pytest.raises(PermanentError) as caught:
        key_value.check(spec, Secrets({}))
    assert caught.value.on == option
    assert todo in caught.value.todo
