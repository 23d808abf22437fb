# SPDX-License-Identifier: Apache-2.0
"""``[conductor]`` as settings of the engine and the steps."""

from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.conf.reading import Values
from amphv2_bootstrap.engine.conductor.settings import ConductorSettings
from amphv2_bootstrap.engine.step_limits import StepLimits
from amphv2_bootstrap.engine.storage.retention import DAY
from amphv2_bootstrap.steps.retry_policy import RetryPolicy


def conductor_settings(values: Values, expiry: float) -> ConductorSettings:
    """The conductor's settings; ``expiry`` is how many seconds a claim lasts."""
    return ConductorSettings(
        concurrency=values["concurrency"],
        poll_interval=values["poll_interval"],
        reconcile_interval=values["reconcile_interval"],
        grace_period=values["grace_period"],
        expiry=expiry,
        refusal_pause=values["refusal_pause"],
        history=values["history_days"] * DAY,
        steps=StepLimits(values["step_timeout"]),
    )


def retry_policy(values: Values, problems: Problems) -> RetryPolicy:
    """The bounds of the steps' retries; collects a conflict between the waits."""
    first, longest = values["step_retry_first_wait"], values["step_retry_max_wait"]
    if first > longest:
        problems.of("conductor", "step_retry_first_wait").add(
            f"is {first:g} s, more than step_retry_max_wait ({longest:g} s)",
            "Lower it, or raise step_retry_max_wait",
        )
    return RetryPolicy(
        max_elapsed=values["step_retry_max_elapsed"],
        first_wait=first,
        max_wait=longest,
    )
