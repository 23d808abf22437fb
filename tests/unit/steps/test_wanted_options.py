# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Value
from amphv2_bootstrap.steps.wanted_options import wanted_options, wanted_values
from tests.unit.steps.controller_host import REDIS, Controller

KEYFILE_PASSWORD = "jobboard_zookeeper_keyfile_password"


def test_url_and_secrets_are_assembled(controller: Controller) -> None:
    """The URL is percent-encoded, and octavia.conf gets every $ doubled."""
    wanted = wanted_options(controller.context)
    assert wanted["persistence_connection"] == (
        "mysql+pymysql://octavia:p%40s%3Aw%2Fo%23r%25d%24x@db:3306/octavia_persistence"
    )
    assert wanted["jobboard_backend_password"] == "redis$$s3cret"
    values = wanted_values(controller.context)
    assert values["jobboard_backend_password"] == "redis$s3cret"
    assert set(values) == {
        *REDIS,
        "persistence_connection",
        "jobboard_backend_password",
    }


def test_a_secret_that_the_specification_does_not_name_is_not_written(
    controller: Controller,
) -> None:
    """Other secrets of this host are no part of the cloud's configuration."""
    context = controller.context
    controller.secrets["jobboard_redis_sentinel_password"] = "x"
    assert "jobboard_redis_sentinel_password" in wanted_values(controller.context)
    assert "jobboard_redis_sentinel_password" not in wanted_values(context)


def test_a_missing_secret_is_an_error(controller: Controller) -> None:
    """A host that lacks a secret of the specification writes nothing."""
    controller.secrets["jobboard_backend_password"] = ""
    with pytest.raises(PermanentError, match=r"jobboard_backend_password.*c1"):
        wanted_values(controller.context)


@pytest.mark.parametrize(
    ("name", "given", "written"),
    [
        (
            "jobboard_redis_backend_ssl_options",
            {"ssl": "True", "ssl_ca_certs": "/ca"},
            {"ssl": "True", "ssl_cert_reqs": "required", "ssl_ca_certs": "/ca"},
        ),
        (
            "jobboard_redis_sentinel_ssl_options",
            {"ssl": "True", "ssl_keyfile": ""},
            {"ssl": "True", "ssl_cert_reqs": "required"},
        ),
        (
            "jobboard_zookeeper_ssl_options",
            {"use_ssl": "True", "certfile": "/c"},
            {"use_ssl": "True", "verify_certs": "True", "certfile": "/c"},
        ),
        (
            "jobboard_etcd_ssl_options",
            {"use_ssl": "yes", "ca_cert": "/ca"},
            {"use_ssl": "yes", "ca_cert": "/ca"},
        ),
        (
            "jobboard_redis_backend_ssl_options",
            {"ssl": "no", "ssl_ca_certs": "/ca"},
            {"ssl": "False"},
        ),
        ("jobboard_etcd_ssl_options", {"use_ssl": "False", "ca_cert": "/ca"}, None),
        ("jobboard_etcd_ssl_options", {"ca_cert": "/ca"}, None),
    ],
)
def test_dict_options_are_written_whole(
    controller: Controller,
    name: str,
    given: dict[str, str],
    written: dict[str, str] | None,
) -> None:
    """With TLS defaults but None are filled in, without it only the switch is there.

    The dictionary of etcd is written only with TLS.
    """
    controller.task_flow[name] = given
    assert wanted_values(controller.context).get(name) == written


def test_the_keyfile_password_goes_into_its_dict(controller: Controller) -> None:
    """ZooKeeper's key file password becomes a key of its dict option."""
    tls: Value = {"use_ssl": "True", "keyfile": "/k"}
    controller.task_flow["jobboard_zookeeper_ssl_options"] = tls
    controller.secrets[KEYFILE_PASSWORD] = "a$b"
    wanted = wanted_options(controller.context)["jobboard_zookeeper_ssl_options"]
    assert wanted == "use_ssl:True,verify_certs:True,keyfile:/k,keyfile_password:a$$b"


def test_what_octavia_conf_cannot_hold_is_named(controller: Controller) -> None:
    """The error names the option, and doesn't show the secret."""
    controller.secrets[KEYFILE_PASSWORD] = "s3c,ret"
    controller.task_flow["jobboard_zookeeper_ssl_options"] = {"use_ssl": "True"}
    with pytest.raises(
        PermanentError, match="jobboard_zookeeper_ssl_options"
    ) as caught:
        wanted_options(controller.context)
    assert "s3c" not in str(caught.value)


def test_no_password_no_secret_in_the_url(tmp_path: Path) -> None:
    """A database without password (a socket) gives a URL without one."""
    controller = Controller(tmp_path, secrets={})
    wanted = wanted_options(controller.context)["persistence_connection"]
    assert wanted == "mysql+pymysql://octavia@db:3306/octavia_persistence"


def test_sentinel_without_tls_has_the_switch_alone(controller: Controller) -> None:
    """taskflow up to 5.12 fails on Octavia's own default (LP 2102707)."""
    name = "jobboard_redis_backend_ssl_options"
    assert name not in wanted_options(controller.context)
    controller.task_flow["jobboard_redis_sentinel"] = "mymaster"
    assert wanted_options(controller.context)[name] == "ssl:False"
