# SPDX-License-Identifier: Apache-2.0
"""The wait of the tests themselves: it ends, and says what the case was."""

import pytest

from tests.servers.process import wait_until


def test_a_wait_in_vain_tells_the_state() -> None:
    """For what it waited, how long, and what was the case in the end."""
    told = r"waited 0\.01 s in vain until it is done; at last: \['ready'\]"
    with pytest.raises(pytest.fail.Exception, match=told):
        wait_until(
            lambda: False, what="it is done", timeout=0.01, state=lambda: ["ready"]
        )


def test_a_state_that_cannot_be_told_hides_nothing() -> None:
    """What was waited for is told also where the server is away by now."""

    def state() -> object:
        raise OSError("connection refused")

    told = "until it is done; at last: OSError.*connection refused"
    with pytest.raises(pytest.fail.Exception, match=told):
        wait_until(lambda: False, what="it is done", timeout=0.01, state=state)
