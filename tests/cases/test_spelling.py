# SPDX-License-Identifier: Apache-2.0
"""The same in other letters is the same.

Sources: octavia.conf.j2 of kolla-ansible and the octavia values of openstack-helm;
kolla ce9cba2cb (LP 2100927), os_octavia and puppet-octavia, which always write the
dictionaries of TLS.
"""

import pytest

from amphv2_bootstrap.adapters.octavia.meaning import same, same_text
from amphv2_bootstrap.spec.octavia_options import BY_NAME


@pytest.mark.parametrize("text", ["true", "yes", "1", "True", "on"])
def test_booleans(text: str) -> None:
    """Deployment tools write any of the words that oslo.config takes."""
    assert same_text("jobboard_enabled", text, "True")


@pytest.mark.parametrize("text", ["127.0.0.1,localhost", "127.0.0.1, localhost"])
def test_lists(text: str) -> None:
    """Spaces after commas mean nothing."""
    assert same_text("jobboard_backend_hosts", text, "127.0.0.1,localhost")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("jobboard_redis_backend_ssl_options", "ssl:False"),
        (
            "jobboard_redis_backend_ssl_options",
            "ssl:False,ssl_keyfile:None,ssl_certfile:None,ssl_ca_certs:None,"
            "ssl_cert_reqs:required",
        ),
        ("jobboard_redis_sentinel_ssl_options", "ssl:false"),
        ("jobboard_zookeeper_ssl_options", "use_ssl:False,keyfile:None,certfile:None"),
    ],
)
def test_dictionaries_without_tls(name: str, text: str) -> None:
    """What the tools write where no TLS is wanted equals the default."""
    value = dict(part.split(":") for part in text.split(","))
    assert same(name, value, BY_NAME[name].default)
