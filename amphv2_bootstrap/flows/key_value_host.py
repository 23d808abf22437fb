# SPDX-License-Identifier: Apache-2.0
"""The flow that installs the key-value backend on one host, if that is wanted."""

from taskflow.patterns import linear_flow

from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.key_value_host.install_key_value_host import (
    InstallKeyValueHost,
)


def build(context: Context) -> linear_flow.Flow:
    """The flow ``key-value-host``; its name and those of its steps are persisted."""
    return linear_flow.Flow("key-value-host").add(InstallKeyValueHost(context))
