# SPDX-License-Identifier: Apache-2.0
"""The rules about the TLS dictionaries of a ``[task_flow]`` group.

They are part of the table of :mod:`task_flow_rules`, which names their source.
"""

from amphv2_bootstrap.spec.octavia_options import ETCD, ZOOKEEPER
from amphv2_bootstrap.spec.task_flow_group import (
    SENTINEL_TLS,
    Group,
    Place,
    Trap,
    Traps,
    is_true,
    switch_of,
    uses_tls,
)

KAZOO_WITHOUT_TLS = "2.11.0"
OTHER_KAZOO = f"kazoo!={KAZOO_WITHOUT_TLS}"
ETCD_SWITCH = "Octavia takes any use_ssl for https, False too"
_CERTIFICATES = {
    "ssl_keyfile": "ssl_certfile",
    "keyfile": "certfile",
    "cert_key": "cert_cert",
}


def missing_switch(group: Group) -> Traps:
    """oslo.config merges no dictionary; Octavia's etcd driver takes ``['use_ssl']``."""
    for option, value in group.tls():
        switch, etcd = switch_of(option), ETCD in option.drivers
        if switch not in value:
            note = ": Octavia stops with a KeyError" if etcd else ""
            yield Trap(
                option.name,
                f"lacks {switch}, and its value replaces the whole default{note}",
                f"Add {switch}:True, or leave the option out for no TLS",
                "fatal" if etcd else "refused",
            )


def false_switch(group: Group) -> Traps:
    """The values of a dictionary are texts, and Octavia's etcd driver converts none.

    Octavia 15.0 to 19.0 converts Sentinel's; a backport to older releases may not, so
    octavia.conf gets a warning. The engine's own boards convert all, but etcd's is
    refused there, too: a line means the same in both groups.
    """
    for option, value in group.tls():
        text = value.get(switch_of(option))
        if not isinstance(text, str) or is_true(text):
            continue
        found = f"has {switch_of(option)}:{text}"
        todo = f"Leave the option out for no TLS, or write {switch_of(option)}:True"
        if ETCD in option.drivers:
            yield Trap(option.name, f"{found}, but {ETCD_SWITCH}", todo)
        elif option.name == SENTINEL_TLS and group.place is Place.FILE:
            what = f"{found}, which some versions of Octavia take for TLS"
            yield Trap(option.name, what, todo, "warning")


def key_without_certificate(group: Group) -> Traps:
    """Python's ``ssl`` loads a key only with its certificate."""
    for option, value in group.tls():
        for key, certificate in _CERTIFICATES.items():
            if value.get(key) and not value.get(certificate):
                todo = f"Add {certificate}, the certificate of that key"
                yield Trap(option.name, f"has {key} without {certificate}", todo)


def certificate_without_key(group: Group) -> Traps:
    """kazoo and etcd3gw ignore a certificate without the option of its key."""
    for option, value in group.tls():
        for key in ("keyfile", "cert_key"):
            certificate = _CERTIFICATES[key]
            if value.get(certificate) and not value.get(key):
                yield Trap(
                    option.name,
                    f"has {certificate} without {key}, so no certificate is sent",
                    f"Add {key}; it may be the same file",
                )


def zookeeper_tls(group: Group) -> Traps:
    """taskflow passes neither ``ca`` nor ``check_hostname`` to kazoo.

    To connect, it asks for the server's version; kazoo 2.11.0 can't do so over TLS
    (its issue 770).
    """
    option = "jobboard_zookeeper_ssl_options"
    if group.driver == ZOOKEEPER and uses_tls(group.values.get(option)):
        yield Trap(
            option,
            f"turns TLS on, which fails with kazoo {KAZOO_WITHOUT_TLS}; with others, "
            "only authorities of Octavia's operating system are trusted, and no host "
            "name is verified",
            f"Install {OTHER_KAZOO} in Octavia's Python, and add a private authority "
            "to the system's",
            "warning",
        )


def unverified(group: Group) -> Traps:
    """``ssl_cert_reqs`` is of redis-py, ``verify_certs`` of kazoo."""
    for option, value in group.tls():
        for key in ("ssl_cert_reqs", "verify_certs"):
            text = str(value.get(key, "required")).lower()
            if uses_tls(value) and text in ("none", "false"):
                what = (
                    f"has {key}:{value[key]}: the server isn't verified, so that "
                    "whoever is in between can pose as it"
                )
                yield Trap(option.name, what, f"Remove {key}", "warning")
