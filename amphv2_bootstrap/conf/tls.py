# SPDX-License-Identifier: Apache-2.0
"""The TLS options, whose dictionaries have several traps."""

import os
from collections.abc import Mapping
from pathlib import Path

from amphv2_bootstrap.conf.problems import Problems, suggestion
from amphv2_bootstrap.spec.octavia_options import ETCD, TaskFlowOption

_TRUE = ("1", "t", "true", "on", "y", "yes")
_FALSE = ("0", "f", "false", "off", "n", "no")
_SWITCHES = ("ssl", "use_ssl", "verify_certs")
_FILES = (
    "ssl_keyfile",
    "ssl_certfile",
    "ssl_ca_certs",
    "keyfile",
    "certfile",
    "ca_cert",
    "cert_key",
    "cert_cert",
)
_KEY_OF_CERTIFICATE = {
    "ssl_keyfile": "ssl_certfile",
    "keyfile": "certfile",
    "cert_key": "cert_cert",
}
_REQUIREMENTS = ("none", "optional", "required")


def check_tls(
    group: str,
    option: TaskFlowOption,
    value: Mapping[str, str],
    problems: Problems,
    *,
    files_here: bool,
) -> None:
    """Check one TLS dictionary.

    :param files_here: whether the files it names have to be on this host.
    """
    for key in value:
        if key not in option.keys:
            shown = "" if option.secret_keys else f" '{key}'"
            problems.add(
                group,
                option.name,
                f"has an unknown key{shown}{suggestion(key, list(option.keys))}",
                f"Write key:value,key:value, without quotes and braces, with the "
                f"keys {', '.join(option.keys)}",
            )
    _check_main_switch(group, option, value, problems)
    _check_other_values(group, option, value, problems)
    for key in _FILES:
        if key in value:
            check_file(
                group,
                option.name,
                value[key],
                problems,
                here=files_here,
                label=f"{key} ",
            )
    for key, certificate in _KEY_OF_CERTIFICATE.items():
        if value.get(key) and not value.get(certificate):
            problems.add(
                group,
                option.name,
                f"has {key} without {certificate}",
                f"Add {certificate}, the certificate of that key",
            )


def _check_main_switch(
    group: str, option: TaskFlowOption, value: Mapping[str, str], problems: Problems
) -> None:
    switch = next(key for key in option.keys if key in ("ssl", "use_ssl"))
    text = value.get(switch, "").lower()
    if switch not in value:
        problems.add(
            group,
            option.name,
            f"lacks the key {switch}, and what is given replaces the whole default",
            f"Add {switch}:True, or leave the option out for no TLS",
        )
    elif ETCD in option.drivers and text not in _TRUE:
        # Any text is true for Octavia's etcd driver, "False" too.
        problems.add(
            group,
            option.name,
            f"has {switch}:{value[switch]}, which Octavia would take for https",
            f"Leave the option out for no TLS, or write {switch}:True",
        )


def _check_other_values(
    group: str, option: TaskFlowOption, value: Mapping[str, str], problems: Problems
) -> None:
    for key in _SWITCHES:
        if key in value and value[key].lower() not in (*_TRUE, *_FALSE):
            problems.add(
                group,
                option.name,
                f"has {key} neither true nor false",
                f"Write {key}:True or {key}:False",
            )
    required = value.get("ssl_cert_reqs", "required")
    if required not in _REQUIREMENTS:
        problems.add(
            group,
            option.name,
            f"has ssl_cert_reqs:{required}, which is unknown",
            f"Write one of {', '.join(_REQUIREMENTS)}",
        )


def check_file(
    group: str,
    option: str,
    name: str,
    problems: Problems,
    *,
    here: bool,
    label: str = "",
) -> None:
    """Check that ``name`` is an absolute path and, if ``here``, a readable file."""
    path = Path(name)
    if not path.is_absolute():
        problems.add(
            group,
            option,
            f"has {label}'{name}', which isn't an absolute path",
            "Write the whole path from /, or leave it out",
        )
    elif here and not path.is_file():
        problems.add(
            group,
            option,
            f"names {label}{name}, which is no file on this host",
            "Put the file there, or correct the path",
        )
    elif here and not os.access(path, os.R_OK):
        problems.add(
            group,
            option,
            f"names {label}{name}, which this user may not read",
            "Run as root, or correct the file's owner and mode",
        )
