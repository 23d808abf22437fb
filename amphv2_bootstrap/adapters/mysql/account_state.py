# SPDX-License-Identifier: Apache-2.0
"""Whether Octavia can log in to an account: its plugin, lock, expiry and demands.

Source: what ``SHOW CREATE USER`` says (MariaDB since 10.2, MySQL since 5.7).
"""

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass

from amphv2_bootstrap.adapters.mysql.accounts import NATIVE, Account
from amphv2_bootstrap.adapters.mysql.sessions import Session
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.tls import Level, Tls

_SHA2 = "caching_sha2_password"
_ED25519 = ("ed25519", "client_ed25519")
_BY_SOCKET = ("unix_socket", "auth_socket")
_IN_CLEAR = ("sha256_password", "pam", "authentication_pam", "dialog")
_TEXT = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.S)


@dataclass(frozen=True, slots=True)
class AccountState:
    """``demands`` is the text behind REQUIRE, empty for none."""

    plugins: tuple[str, ...]
    is_locked: bool = False
    is_expired: bool = False
    demands: str = ""


def parse(text: str) -> AccountState:
    """Read an answer of SHOW CREATE USER."""
    first = re.search(r"IDENTIFIED (?:VIA|WITH) '?(\w+)", text)
    bare = _TEXT.sub("''", text)
    others = re.findall(r"\bOR (\w+)", bare)
    demands = re.search(r"\bREQUIRE (\w+)", bare)
    return AccountState(
        ((first[1] if first else NATIVE), *others),
        bool(re.search(r"\bACCOUNT LOCK\b", bare)),
        bool(re.search(r"\bPASSWORD EXPIRE(?! (DEFAULT|NEVER|INTERVAL))", bare)),
        demands[1] if demands and demands[1] != "NONE" else "",
    )


def state_of(session: Session, account: Account) -> AccountState:
    """The account's state; only its plugin where the server doesn't tell more."""
    try:
        sql = "SHOW CREATE USER %s@%s"
        return parse(str(session.value(sql, account.user, account.host)))
    except PermanentError:  # an older server
        return AccountState((account.plugin,))


def obstacles(account: Account, state: AccountState, protection: Tls) -> Iterator[str]:
    """Why Octavia can't log in to it, as full sentences that say what to do.

    :param protection: what the arguments of Octavia's URL mean.
    """
    alter = f"ALTER USER {account}"
    if state.is_locked:
        yield f"The account {account} is locked: {alter} ACCOUNT UNLOCK."
    if state.is_expired:
        yield (
            f"The password of {account} has expired: set it anew by {alter} "
            "IDENTIFIED BY '...', and let it never expire (PASSWORD EXPIRE NEVER)."
        )
    if not any(_is_usable(one, protection) for one in state.plugins):
        yield (
            f"Octavia can't log in to {account}, which has the authentication plugin "
            f"{' or '.join(state.plugins)}: {_help(state.plugins[0])}."
        )
    lacks_certificate = state.demands not in ("", "SSL", "CIPHER")
    if (state.demands and protection.level is Level.NONE) or (
        lacks_certificate and not protection.client_certificate
    ):
        yield (
            f"The account {account} demands TLS (REQUIRE {state.demands}), and "
            f"persistence_connection doesn't have it: add {tls.DEMANDS}."
        )


def doubts(account: Account, state: AccountState, protection: Tls) -> Iterator[str]:
    """What may keep Octavia from logging in, by its version or the server's settings.

    :param protection: what the arguments of Octavia's URL mean.
    """
    if state.plugins == (_SHA2,) and protection.level < Level.ENCRYPTED:
        yield (
            f"{account} has the authentication plugin {_SHA2}, and "
            "persistence_connection has no TLS: a login then takes the server's "
            "public key from whoever answers. Add ssl_ca to the URL."
        )
    if state.demands == "SSL" and protection.level is Level.OFFERED:
        yield (
            f"{account} demands TLS, which PyMySQL before 1.2 doesn't use without "
            "arguments: add ssl_ca to persistence_connection."
        )


def _is_usable(plugin: str, protection: Tls) -> bool:
    if plugin in _ED25519:
        return importlib.util.find_spec("nacl") is not None
    if plugin in _IN_CLEAR:
        return protection.level is Level.HOST_NAME
    return plugin in (NATIVE, _SHA2)


def _help(plugin: str) -> str:
    if plugin in _BY_SOCKET:
        return (
            "it is for the system user of that name. Give it a password (IDENTIFIED "
            "BY '...'), or use another user name in persistence_connection"
        )
    if plugin in _ED25519:
        return (
            "PyMySQL needs PyNaCl for it. Install PyNaCl in Octavia's Python and in "
            f"this program's, or give the account {NATIVE}"
        )
    if plugin in _IN_CLEAR:
        return (
            "the password would go over the network in clear. Add ssl_ca to "
            f"persistence_connection, or give the account {NATIVE}"
        )
    return f"PyMySQL doesn't know it. Give the account {NATIVE}, or {_SHA2} with TLS"
