# SPDX-License-Identifier: Apache-2.0
"""``[conductor] http_...``: where the status page is served, and to whom."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from amphv2_bootstrap.adapters.host.certificates import pair_flaws
from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.conf.reading import Values
from amphv2_bootstrap.conf.tls import check_file
from amphv2_bootstrap.spec.secret import Secret

_GROUP = "conductor"
_BIND = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:]+)):([0-9]{1,5})")
_PACKAGES = ("cheroot", "jinja2", "prometheus_client")
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where to listen; ``token``, ``cert`` and ``key`` where other hosts may read."""

    address: str
    port: int
    token: Secret | None = None
    cert: str | None = None
    key: str | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only this host reaches the address."""
        if self.address == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.address).is_loopback
        except ValueError:  # a name: who knows
            return False

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{'https' if self.cert else 'http'}://{host}:{self.port}/"


def http_settings(values: Values, problems: Problems) -> HttpSettings | None:
    """The settings, None where no page is wanted; collects every problem."""
    if not values["http_bind"]:
        return None
    token = values["http_token"]
    found = HttpSettings(
        *_address(values["http_bind"], problems),
        Secret(token) if token else None,
        values["http_tls_cert"],
        values["http_tls_key"],
    )
    _check_packages(problems)
    _check_token(token, problems)
    _check_pair(found, problems)
    missing = list(_missing(found, problems))
    if missing and not found.is_loopback:
        problems.of(_GROUP, "http_bind").add(
            f"is {values['http_bind']}, which other hosts may reach, without "
            f"{' and '.join(missing)}",
            f"Set {' and '.join(missing)}, or write an address of this host only, "
            "such as 127.0.0.1:9187",
        )
    return found


def _address(text: str, problems: Problems) -> tuple[str, int]:
    match = _BIND.fullmatch(text)
    if match is None or not 0 < int(match[3]) < 65536:
        todo = "Write ADDRESS:PORT, such as 127.0.0.1:9187 or [::1]:9187"
        problems.of(_GROUP, "http_bind").unreadable(
            f"is '{text}', which isn't an address and a port", todo
        )
        return "localhost", 0
    return match[1] or match[2], int(match[3])


def _check_packages(problems: Problems) -> None:
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        problems.of(_GROUP, "http_bind").add(
            f"asks for the status page, for which this Python lacks "
            f"{', '.join(missing)}",
            "Run: pip install 'amphv2-bootstrap[http]', or leave http_bind out",
        )


def _check_token(token: str | None, problems: Problems) -> None:
    if token and len(token) < _SHORTEST_TOKEN:
        problems.of(_GROUP, "http_token").add(
            f"has {len(token)} characters, which can be guessed",
            f"Write at least {_SHORTEST_TOKEN}, such as the output of: "
            "openssl rand -hex 32",
        )


def _check_pair(found: HttpSettings, problems: Problems) -> None:
    """Check the files of certificate and key, of which neither goes without the other.

    On an address that others reach, ``_missing`` tells of one that is not set.
    """
    named = {"http_tls_cert": found.cert, "http_tls_key": found.key}
    usable = [
        option
        for option, path in named.items()
        if path and check_file(problems.of(_GROUP, option), path, here=True)
    ]
    if found.is_loopback and sum(map(bool, named.values())) == 1:
        (alone,) = (option for option, path in named.items() if path)
        (other,) = (option for option, path in named.items() if not path)
        problems.of(_GROUP, alone).add(f"is set without {other}", f"Set {other}, too")
    if len(usable) == len(named) and found.cert and found.key:
        place = problems.of(_GROUP, "http_tls_cert")
        for flaw in pair_flaws(Path(found.cert), Path(found.key)):
            note = place.warn if flaw.warning else place.add
            note(f"names {found.cert}, which {flaw.what}", flaw.todo)


def _missing(found: HttpSettings, problems: Problems) -> Iterator[str]:
    # One that could not be read was reported.
    if found.token is None and (_GROUP, "http_token") not in problems.unreadable:
        yield "http_token_file"
    if not found.cert:
        yield "http_tls_cert"
    if not found.key:
        yield "http_tls_key"
