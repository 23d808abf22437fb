# SPDX-License-Identifier: Apache-2.0
"""What is asked on a terminal: that which neither octavia.conf nor ``--set`` says."""

import getpass
import socket
import sys
from dataclasses import replace
from pathlib import Path

from amphv2_bootstrap.adapters.mysql.database_url import parse, with_password
from amphv2_bootstrap.cmd.init.draft import Draft
from amphv2_bootstrap.conf.urls import NOWHERE
from amphv2_bootstrap.errors import InvalidInputError
from amphv2_bootstrap.spec.database import DatabaseUrl

_CONF = "/etc/octavia/octavia.conf"
_DRIVERS = ("redis", "zookeeper", "etcd")
_ENGINE = "amphv2_bootstrap"


def ask_where(draft: Draft) -> None:
    """Ask for this host's name, its octavia.conf and the controllers."""
    host = draft.get("DEFAULT", "host") or socket.gethostname()
    if not draft.has("DEFAULT", "host"):
        answer = _ask("This host's name among the controllers", host)
        if answer != host:
            draft.set("DEFAULT", "host", answer)
            host = answer
    if not draft.has("octavia", "config_file") and not Path(_CONF).exists():
        draft.set("octavia", "config_file", _ask("Octavia's configuration file", _CONF))
    if not draft.has("octavia", "controllers"):
        answer = _ask("All controllers, with commas between them", host)
        draft.set("octavia", "controllers", answer)


def ask_what(draft: Draft) -> None:
    """Ask for databases and for the key-value backend."""
    if draft.target().persistence is NOWHERE:
        _ask_persistence(draft)
    url = draft.target().persistence
    if url is not NOWHERE and not url.is_sqlite:
        _ask_accounts(draft, url)
    _ask_backend(draft)


def _ask_persistence(draft: Draft) -> None:
    if draft.has("octavia", "persistence_connection"):
        return
    _say("The database server of Octavia isn't known from octavia.conf.")
    server = _ask("Its HOST or HOST:PORT")
    try:
        url, _ = parse(f"mysql+pymysql://{server}/octavia_persistence")
    except ValueError as exc:
        raise InvalidInputError([f"The server isn't one: {exc}."]) from None
    text = _login(url, "Octavia's account there", "octavia")
    draft.set("octavia", "persistence_connection", text)


def _ask_accounts(draft: Draft, url: DatabaseUrl) -> None:
    if not draft.has("octavia", "admin_connection"):
        what = f"Account that may create databases and accounts on {url.place}"
        text = _login(replace(url, database=""), what, "root")
        draft.set("octavia", "admin_connection", text)
    several = len(draft.target().controllers) > 1
    if several and not draft.has("task_flow", "persistence_connection"):
        what = f"Account of this program's own database, {_ENGINE}, there"
        text = _login(replace(url, database=_ENGINE), what, "amphv2")
        draft.set("task_flow", "persistence_connection", text)


def _login(url: DatabaseUrl, what: str, user: str) -> str:
    """The URL with the account that is asked for, percent-encoded."""
    user = _ask(what, user)
    return with_password(replace(url, username=user), _secret("Its password") or None)


def _ask_backend(draft: Draft) -> None:
    group = "octavia"
    if not draft.has(group, "jobboard_backend_driver"):
        driver = _ask(f"Key-value backend ({', '.join(_DRIVERS)})", _DRIVERS[0])
        name = f"{driver}_taskflow_driver" if driver in _DRIVERS else driver
        draft.set(group, "jobboard_backend_driver", name)
    if draft.has(group, "jobboard_backend_hosts"):
        return
    hosts = _ask("Its hosts, with commas between them")
    draft.set(group, "jobboard_backend_hosts", hosts)
    if not draft.get(group, "jobboard_backend_driver").startswith("redis"):
        return
    if "," in hosts and not draft.has(group, "jobboard_redis_sentinel"):
        _set(draft, "jobboard_redis_sentinel", _ask("The master's name at Sentinel"))
    if not draft.has(group, "jobboard_backend_password"):
        _set(draft, "jobboard_backend_password", _secret("Its password, if any"))


def _set(draft: Draft, option: str, answer: str) -> None:
    if answer:
        draft.set("octavia", option, answer)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _ask(what: str, default: str = "") -> str:
    print(f"{what} [{default}]: " if default else f"{what}: ", end="", file=sys.stderr)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise _ended()
    return answer.strip() or default


def _secret(what: str) -> str:
    try:
        return getpass.getpass(f"{what}: ")
    except EOFError:
        raise _ended() from None


def _ended() -> InvalidInputError:
    return InvalidInputError(["The input ended before the last question. Begin anew."])
