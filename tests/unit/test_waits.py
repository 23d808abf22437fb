# SPDX-License-Identifier: Apache-2.0
"""``wait_until`` of the tests ends in time, and reports the state."""

import pytest

from tests.servers.process import wait_until


def test_a_wait_in_vain_reports_the_state() -> None:
    """The failure has the condition, the time and the last state."""
    message = r"waited 0\.01 s in vain until it is done; at last: \['ready'\]"
    with pytest.raises(pytest.fail.Exception, match=message):
        wait_until(
            lambda: False, what="it is done", timeout=0.01, state=lambda: ["ready"]
        )


def test_an_error_in_the_state_hides_nothing() -> None:
    """The failure has the condition also if the server does not answer any more."""

    def state() -> object:
        raise OSError("connection refused")

    message = "until it is done; at last: OSError.*connection refused"
    with pytest.raises(pytest.fail.Exception, match=message):
        wait_until(lambda: False, what="it is done", timeout=0.01, state=state)
