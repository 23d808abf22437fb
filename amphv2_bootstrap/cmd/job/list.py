# SPDX-License-Identifier: Apache-2.0
"""``job list``."""

import argparse
from typing import Any

from cliff.lister import Lister

from amphv2_bootstrap.cmd.base import Guarded

_COLUMNS = ("id", "state", "posted_at", "finished_at", "posted_by")


class ListJobs(Guarded, Lister):
    """List the newest jobs, newest first."""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from amphv2_bootstrap.cmd.output.summaries import head

        store = self.runtime().store
        rows = [head(store, job) for job in store.jobs()]
        return _COLUMNS, [tuple(row[name] for name in _COLUMNS) for row in rows]
