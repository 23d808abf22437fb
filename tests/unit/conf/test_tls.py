# SPDX-License-Identifier: Apache-2.0
"""Certificates are checked before anything uses them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from amphv2_bootstrap.errors import InvalidInputError
from tests.servers import container
from tests.servers.certificates import Authority, Pair
from tests.unit.conf.configuration import Configuration, Options

ADMIN = "mysql+pymysql://root:s3same@db1/"
OWN = "mysql+pymysql://me:s3same@db1/engine"

# Changes that use an authority and a client's certificate, by the option that does.
Use = Callable[[Authority, Pair], Options]
USES: dict[str, Use] = {
    "[octavia] admin_connection": lambda trusted, pair: {
        "octavia": {"admin_connection": with_tls(ADMIN, trusted, pair)}
    },
    "[task_flow] persistence_connection": lambda trusted, pair: {
        "task_flow": {"persistence_connection": with_tls(OWN, trusted, pair)}
    },
    "[octavia] jobboard_redis_backend_ssl_options": lambda trusted, pair: {
        "octavia": {"jobboard_redis_backend_ssl_options": of_redis(trusted, pair)}
    },
    "[octavia] jobboard_etcd_ssl_options": lambda trusted, pair: {
        "octavia": {
            "jobboard_backend_driver": "etcd_taskflow_driver",
            "jobboard_backend_password": None,
            "jobboard_etcd_ssl_options": (
                f"use_ssl:True,ca_cert:{trusted.file},"
                f"cert_cert:{pair.certificate},cert_key:{pair.key}"
            ),
        }
    },
}


def with_tls(url: str, trusted: Authority, pair: Pair) -> str:
    files = f"ssl_cert={pair.certificate}&ssl_key={pair.key}"
    return f"{url}?ssl_ca={trusted.file}&{files}"


def of_redis(trusted: Authority, pair: Pair) -> str:
    files = f"ssl_certfile:{pair.certificate},ssl_keyfile:{pair.key}"
    return f"ssl:True,ssl_ca_certs:{trusted.file},{files}"


@pytest.mark.parametrize("option", USES)
def test_good_certificates_are_accepted(
    option: str, configuration: Configuration, authority: Authority
) -> None:
    """TLS with a private authority and a client certificate needs no warning."""
    pair = authority.pair("client")
    loaded = configuration.change(USES[option](authority, pair)).build()
    assert loaded.warnings == ()


@pytest.mark.parametrize("option", USES)
def test_an_expired_certificate_is_refused(
    option: str, configuration: Configuration, authority: Authority
) -> None:
    """No connection could be made with it; the message names option, file and day."""
    pair = authority.pair("expired", days=-1)
    configuration.change(USES[option](authority, pair))
    with pytest.raises(InvalidInputError) as caught:
        configuration.build()
    (problem,) = caught.value.problems
    assert problem.startswith(f"{option} names ")
    assert f"{pair.certificate}, which expired on 20" in problem


@pytest.mark.parametrize("option", USES)
def test_a_certificate_that_expires_soon_is_a_warning(
    option: str, configuration: Configuration, tmp_path: Path
) -> None:
    """Each of the two files is named; the configuration can be used."""
    young = Authority(tmp_path / "young", days=20)
    pair = young.pair("client", days=20)
    loaded = configuration.change(USES[option](young, pair)).build()
    text = "".join(loaded.warnings)
    assert str(young.file) in text
    assert str(pair.certificate) in text
    assert all("expires on 20" in warning for warning in loaded.warnings)
    assert len(loaded.warnings) == 2


def test_a_key_of_another_certificate_is_refused(
    configuration: Configuration, authority: Authority
) -> None:
    """The two files that don't belong together are found before a handshake."""
    mixed = Pair(authority.pair("one").certificate, authority.pair("two").key)
    option = "[octavia] admin_connection"
    configuration.change(USES[option](authority, mixed))
    with pytest.raises(InvalidInputError, match="doesn't fit its key"):
        configuration.build()


def test_encryption_without_a_known_server_is_a_warning(
    configuration: Configuration,
) -> None:
    """It protects from readers only; the advice is how to know the server."""
    url = f"{ADMIN}?ssl_check_hostname=false"
    loaded = configuration.change({"octavia": {"admin_connection": url}}).build()
    (warning,) = loaded.warnings
    assert "can pose as the server. Add ssl_ca=/PATH/TO/CA.pem." in warning


def test_files_of_a_container_are_looked_for_on_this_host(
    configuration: Configuration, authority: Authority
) -> None:
    """octavia.conf keeps the container's path; our own connections use the host's.

    Source: the octavia role of vexxhost/atmosphere; ssl_ca in kolla.
    """
    folder = Path("/only/in/the/container")
    inside, place = folder / authority.file.name, authority.file.parent
    options: dict[str, object] = {
        "persistence_connection": (
            f"mysql+pymysql://o:s3same@db1/octavia_persistence?ssl_ca={inside}"
        ),
        "jobboard_redis_backend_ssl_options": f"ssl:True,ssl_ca_certs:{inside}",
    }
    with pytest.raises(InvalidInputError, match=r"set \[octavia\] host_paths"):
        configuration.change({"octavia": options}).build()
    options["host_paths"] = f"{folder}:{place}"
    loaded = configuration.change({"octavia": options}).build()
    assert loaded.spec.persistence.query == {"ssl_ca": str(inside)}
    here = loaded.host.on_host(loaded.spec)
    assert here.persistence.query == {"ssl_ca": str(authority.file)}
    redis = here.task_flow["jobboard_redis_backend_ssl_options"]
    assert redis == {"ssl": "True", "ssl_ca_certs": str(authority.file)}


def test_certificates_that_only_the_container_has(
    configuration: Configuration, authority: Authority, tmp_path: Path
) -> None:
    """They are fetched, and checked; a key gets into no file of this host."""
    pair = authority.pair("client")
    own, there = tmp_path / "own", tmp_path / "there"
    own.mkdir()
    for name in (authority.file, pair.certificate, pair.key):
        shutil.copy(name, own)
    docker = container.install(tmp_path, [], container.own_python(), {there: own})
    ca, certificate, key = (
        there / Path(name).name for name in (authority.file, pair.certificate, pair.key)
    )
    options = {
        "persistence_connection": (
            f"mysql+pymysql://o:s3same@db1/octavia_persistence?ssl_ca={ca}"
            f"&ssl_cert={certificate}&ssl_key={key}"
        ),
        "db_manage_command": f"{docker} exec octavia_worker octavia-db-manage",
    }
    loaded = configuration.change({"octavia": options}).build()
    assert loaded.spec.persistence.query["ssl_key"] == str(key)
    here = loaded.host.on_host(loaded.spec).persistence.query
    assert Path(here["ssl_ca"]).read_bytes() == Path(authority.file).read_bytes()
    assert Path(here["ssl_key"]).read_bytes() == Path(pair.key).read_bytes()
    (own / certificate.name).write_text("nothing")
    with pytest.raises(InvalidInputError, match=f"names ssl_cert {certificate}"):
        configuration.build()


def test_a_container_that_cannot_be_asked_for_certificates(
    configuration: Configuration, tmp_path: Path
) -> None:
    """The error has the missing file, and why it wasn't found in the container."""
    docker = container.install(tmp_path, [], "/bin/false")
    options = {
        "persistence_connection": (
            "mysql+pymysql://o:s3same@db1/octavia_persistence?ssl_ca=/nowhere/ca.pem"
        ),
        "python": f"{docker} exec -i octavia_worker python3",
    }
    with pytest.raises(
        InvalidInputError, match=r"ssl_ca /nowhere/ca.pem, but"
    ) as caught:
        configuration.change({"octavia": options}).build()
    assert "the container must run" in str(caught.value)


def test_paths_of_the_host_are_absolute(configuration: Configuration) -> None:
    """A relative path would mean a different file to each program."""
    with pytest.raises(InvalidInputError, match=r"host_paths.*isn't an absolute path"):
        configuration.change({"octavia": {"host_paths": "/a:b"}}).build()
