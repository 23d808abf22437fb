# SPDX-License-Identifier: Apache-2.0
"""The table of Octavia's options; test_octavia_releases has a real Octavia."""

from amphv2_bootstrap.spec.octavia_options import (
    ALWAYS_WRITTEN,
    BY_NAME,
    TASK_FLOW_OPTIONS,
)


def test_table_is_consistent() -> None:
    """Names are unique, each has a help text, and the five are in the table."""
    assert len(BY_NAME) == len(TASK_FLOW_OPTIONS)
    assert set(ALWAYS_WRITTEN) <= set(BY_NAME)
    for option in TASK_FLOW_OPTIONS:
        assert option.help.endswith("."), option.name
        assert set(option.secret_keys) <= set(option.keys)
        assert set(option.drivers) <= {"redis", "zookeeper", "etcd"}
