# SPDX-License-Identifier: Apache-2.0
"""A PyMySQL connection that gives no file and no password away."""

import functools
import ssl
from collections.abc import Mapping
from typing import Any

import pymysql
from pymysql.constants import CLIENT

AUTHENTICATION_REFUSED = 2061
"""The error number (CR_AUTH_PLUGIN_ERR) of a login that this client refuses."""

# With these the server gets the password itself, sha256_password over TLS included.
_IN_CLEAR = ("mysql_clear_password", "dialog", "sha256_password")


@functools.cache
def _unverified() -> ssl.SSLContext:
    """For TLS where the server offers it, without options: nothing is verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class MySQLConnection(pymysql.Connection):
    """What every session of this program with a MySQL server is.

    It sends no file when the server asks for one, whatever its options say. It sends
    the password in clear only over verified TLS: PyMySQL would send it to whoever
    answers and names a method that wants it so.

    :raises pymysql.OperationalError: number :data:`AUTHENTICATION_REFUSED`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "local_infile": False})

    def _create_ssl_ctx(self, sslp: Mapping[str, Any] | ssl.SSLContext) -> Any:
        # PyMySQL loads the system's certificates for each connection, needlessly: that
        # takes longer than all the rest of a connection.
        return super()._create_ssl_ctx(sslp or _unverified())

    def _request_authentication(self) -> None:
        self._refuse_in_clear(self._auth_plugin_name)
        super()._request_authentication()

    def _process_auth(
        self, plugin_name: bytes, auth_packet: Any, handler: Any = None
    ) -> Any:
        self._refuse_in_clear(plugin_name.decode("latin-1"))
        return super()._process_auth(plugin_name, auth_packet, handler)

    def _refuse_in_clear(self, method: str) -> None:
        if method in _IN_CLEAR and not self._is_verified():
            raise pymysql.OperationalError(
                AUTHENTICATION_REFUSED,
                f"the server asks for the password by {method}, which is refused: the "
                "connection has no TLS that verifies the server and its name",
            )

    def _is_verified(self) -> bool:
        return (
            bool(self.ssl and self.server_capabilities & CLIENT.SSL)
            and self.ctx.verify_mode is ssl.CERT_REQUIRED
            and self.ctx.check_hostname
        )
