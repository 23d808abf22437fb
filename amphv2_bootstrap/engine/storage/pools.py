# SPDX-License-Identifier: Apache-2.0
"""Pools of connections to one server, which become stale together."""

import weakref

import sqlalchemy as sa
from sqlalchemy.engine import ExceptionContext

# The server answers, but may not write: it is no member of its Galera cluster now, or
# is read-only. Behind a load balancer a new connection may lead to one that may.
_MAY_NOT_WRITE = (1047, 1290, 1836)


class Pools:
    """At the first lost connection, all pools drop theirs.

    Otherwise a fail-over would cost one failure for each pool, with a pause after each
    that grows, and a wait for an answer before it.
    """

    def __init__(self) -> None:
        self._engines: weakref.WeakSet[sa.Engine] = weakref.WeakSet()

    def add(self, engine: sa.Engine) -> None:
        """From now on its pool is one of them."""
        self._engines.add(engine)
        sa.event.listen(engine, "handle_error", self._look)

    def _look(self, context: ExceptionContext) -> None:
        original = context.original_exception
        if original.args and original.args[0] in _MAY_NOT_WRITE:
            context.is_disconnect = True
        if context.is_disconnect:
            for engine in list(self._engines):
                engine.dispose()
