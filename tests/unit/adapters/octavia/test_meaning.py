# SPDX-License-Identifier: Apache-2.0
"""Compares values by what Octavia makes of them."""

import pytest

from amphv2_bootstrap.adapters.octavia.meaning import same, same_text
from amphv2_bootstrap.spec.octavia_options import BY_NAME

REDIS_TLS = "jobboard_redis_backend_ssl_options"
ZOOKEEPER_TLS = "jobboard_zookeeper_ssl_options"
ETCD_TLS = "jobboard_etcd_ssl_options"
URL = "persistence_connection"


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("jobboard_enabled", "True", "true"),
        ("jobboard_enabled", "True", "yes"),
        ("jobboard_enabled", "True", "1"),
        ("jobboard_enabled", "False", "off"),
        ("jobboard_backend_port", "6379", "06379"),
        ("jobboard_backend_hosts", "a,b", "a, b"),
        ("jobboard_backend_hosts", "db.Example,b", "DB.example,b"),
        (REDIS_TLS, "ssl:False", "ssl:false,ssl_cert_reqs:required"),
        (REDIS_TLS, "ssl:True,ssl_ca_certs:/a", "ssl_ca_certs:/a,ssl:yes"),
        (REDIS_TLS, "ssl:True", "ssl:1,ssl_cert_reqs:required"),
        (ZOOKEEPER_TLS, "use_ssl:True", "use_ssl:true,verify_certs:yes"),
        (ETCD_TLS, "use_ssl:True,ca_cert:/a", "ca_cert:/a,use_ssl:False"),
        (URL, "mysql+pymysql://a:p%2Fq@h/d", "mysql+pymysql://a:p%2fq@H:3306/d"),
        (URL, "mysql+pymysql://a:b@h/d?x=1&y=%2Fz", "mysql+pymysql://a:b@h/d?y=/z&x=1"),
        (URL, "mysql+pymysql://a:b$$c@h/d", "mysql+pymysql://a:b%24c@h/d"),
        ("jobboard_backend_password", "a$$b", r"a\$b"),
    ],
)
def test_same(name: str, one: str, other: str) -> None:
    """What differs in spelling only is the same, from both sides."""
    assert same_text(name, one, other)
    assert same_text(name, other, one)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("jobboard_enabled", "True", "False"),
        ("jobboard_enabled", "True", "maybe"),
        ("jobboard_backend_hosts", "a,b", "b,a"),
        ("jobboard_backend_namespace", "a", "A"),
        ("jobboard_backend_password", "a", "a "),
        ("jobboard_backend_password", "a", "$other"),
        (REDIS_TLS, "ssl:True", "ssl:False"),
        (REDIS_TLS, "ssl:True", "ssl:True,ssl_cert_reqs:none"),
        (ZOOKEEPER_TLS, "use_ssl:True", "use_ssl:True,verify_certs:False"),
        (ETCD_TLS, "ca_cert:/a", "use_ssl:False,ca_cert:/a"),
        (URL, "mysql+pymysql://a:b@h/d", "mysql+pymysql://a:c@h/d"),
        (URL, "mysql+pymysql://a:b@h/d", "mysql+pymysql://a:b@h/D"),
        (URL, "mysql+pymysql://a:b@h/d", "mysql+pymysql://a:b@h:3307/d"),
        (URL, "mysql+pymysql://a:b@h/d", "mysql+pymysql://a:b@h/d?ssl_ca=/c"),
        (URL, "mysql+pymysql://a:b@h/d", "no URL"),
        ("an_unknown_option", "a", "b"),
    ],
)
def test_different(name: str, one: str, other: str) -> None:
    """What Octavia takes for something else differs, from both sides."""
    assert not same_text(name, one, other)
    assert not same_text(name, other, one)


@pytest.mark.parametrize(
    ("name", "switch"), [(REDIS_TLS, "ssl"), (ZOOKEEPER_TLS, "use_ssl")]
)
def test_a_default_of_octavia_equals_its_text(name: str, switch: str) -> None:
    """A dictionary of texts without TLS equals the default, which has None in it."""
    assert same(name, {switch: "False"}, BY_NAME[name].default)


def test_etcd_takes_any_text_for_tls() -> None:
    """For etcd, the text "False" is not the default False."""
    assert not same(ETCD_TLS, {"use_ssl": "False"}, {"use_ssl": False})


def test_what_can_not_be_read_is_compared_as_text() -> None:
    """Two references to the same option are the same; nothing is raised."""
    assert same_text("jobboard_backend_password", "$x", "$x")
    assert same_text("jobboard_enabled", "maybe", "maybe")
