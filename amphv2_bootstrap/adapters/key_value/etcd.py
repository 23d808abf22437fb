# SPDX-License-Identifier: Apache-2.0
"""Checks etcd through its JSON gateway, as Octavia uses it.

Source: ``EtcdTaskFlowDriver`` in Octavia's ``taskflow_jobboard_driver.py``, and
``EtcdJobBoard`` in taskflow.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import etcd3gw
from etcd3gw import exceptions

from amphv2_bootstrap.adapters.host.certificates import peer_flaws
from amphv2_bootstrap.adapters.key_value.wording import (
    SCRATCH_SECONDS,
    options_of,
    place,
    said,
    scratch_name,
    size_warnings,
)
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.spec.server_errors import key_value as server_errors
from amphv2_bootstrap.spec.task_flow_rules import ONE_ADDRESS

_TLS_KEYS = ("ca_cert", "cert_key", "cert_cert")


def check(spec: Spec, secrets: Secrets, *, timeout: float = 5.0) -> tuple[str, ...]:
    """See :func:`amphv2_bootstrap.adapters.key_value.check`."""
    host, port = spec.key_value_servers[0]
    on = place(host, port)
    with _translated(on, secrets):
        client = etcd3gw.Etcd3Client(host=host, port=port, **_options(spec, timeout))
        # HTTPS_PROXY and REQUESTS_CA_BUNDLE of this process aren't those of Octavia.
        client.session.trust_env = False
        try:
            _check_leader(client.status(), on)
            warnings = _member_warnings(client.members(), on)
            _check_write(client)
        finally:
            client.session.close()
        if client.protocol == "https":
            warnings += _certificate_warnings(host, port, timeout)
    return warnings


def _certificate_warnings(host: str, port: int, timeout: float) -> tuple[str, ...]:
    """Of the certificate that etcd shows; the client has verified it."""
    shown = ssl.get_server_certificate((host, port), timeout=timeout)
    flaws = peer_flaws(ssl.PEM_cert_to_DER_cert(shown))
    name = f"The certificate of etcd ({place(host, port)})"
    return tuple(flaw.about(name) for flaw in flaws)


def _options(spec: Spec, timeout: float) -> dict[str, Any]:
    wanted = spec.task_flow.get("jobboard_etcd_timeout")
    options: dict[str, Any] = {
        "timeout": min(float(wanted), timeout) if isinstance(wanted, int) else timeout
    }
    if "jobboard_etcd_api_path" in spec.task_flow:
        options["api_path"] = spec.task_flow["jobboard_etcd_api_path"]
    return options | _tls(options_of(spec, "jobboard_etcd_ssl_options"))


def _tls(options: Any) -> dict[str, Any]:
    if not options.get("use_ssl"):  # as in Octavia, any text is true, even "False"
        return {}
    chosen = {key: options[key] for key in _TLS_KEYS if key in options}
    return {**chosen, "protocol": "https"}


def _check_leader(status: Any, on: str) -> None:
    if int(status.get("leader", 0)) == 0:
        raise TransientError(
            "use the etcd server",
            on=on,
            why="its cluster has no leader",
            todo="Make sure that a majority of the members runs.",
        )


def _member_warnings(members: Any, on: str) -> tuple[str, ...]:
    urls = {url for member in members for url in member.get("clientURLs", ())}
    is_member = any(url.partition("://")[2] == on for url in urls)
    return (
        *(
            (
                f"Octavia uses only {on}, which is one of {len(members)} members: it "
                f"stops while that one is down. {ONE_ADDRESS}.",
            )
            if is_member and len(members) > 1
            else ()
        ),
        *(
            f"The etcd member {member.get('ID')} never started."
            for member in members
            if not member.get("clientURLs")
        ),
        *size_warnings("etcd", "member", len(members)),
    )


def _check_write(client: "etcd3gw.Etcd3Client") -> None:
    """Write and delete a key, which needs a quorum."""
    key = f"/{scratch_name()}"
    lease = client.lease(SCRATCH_SECONDS)
    try:
        client.create(key, "1", lease=lease)
        client.delete(key)
    finally:
        lease.revoke()


@contextmanager
def _translated(on: str, secrets: Secrets) -> Iterator[None]:
    """Turn etcd3gw's errors into ours.

    ``requests`` raises subclasses of ``OSError``. An answer that isn't etcd's raises
    ``ValueError`` or ``KeyError``.
    """
    try:
        yield
    except (exceptions.Etcd3Exception, OSError, ValueError, KeyError) as exc:
        raise _ours(exc, on, secrets) from exc


def _ours(exc: Exception, on: str, secrets: Secrets) -> PermanentError | TransientError:
    attempted, why = "use the etcd server", said(exc, secrets)
    refused = tls.refusal(exc) or tls.advice(why)  # urllib3 keeps only the text
    if refused:
        todo = f"{refused} See jobboard_etcd_ssl_options."
        return PermanentError(attempted, on=on, why=why, todo=todo)
    rule = server_errors.rule_of("etcd", server_errors.words_of(exc))
    if rule is None:  # an answer that isn't etcd's
        todo = "Make sure that host, port and jobboard_etcd_api_path are those of etcd."
        return PermanentError(attempted, on=on, why=why, todo=todo)
    kind = TransientError if rule.is_transient else PermanentError
    return kind(attempted, on=on, why=why, todo=rule.advice)
