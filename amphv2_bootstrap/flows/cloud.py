# SPDX-License-Identifier: Apache-2.0
"""The flow that runs once per cloud, on any controller."""

from taskflow.patterns import linear_flow

from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.cloud.check_prerequisites import CheckPrerequisites
from amphv2_bootstrap.steps.cloud.ensure_database import EnsureDatabase
from amphv2_bootstrap.steps.cloud.ensure_database_accounts import EnsureDatabaseAccounts
from amphv2_bootstrap.steps.cloud.ensure_key_value_backend import EnsureKeyValueBackend
from amphv2_bootstrap.steps.cloud.prove_jobboard import ProveJobboard
from amphv2_bootstrap.steps.cloud.release_controllers import ReleaseControllers
from amphv2_bootstrap.steps.cloud.upgrade_persistence_schema import (
    UpgradePersistenceSchema,
)


def build(context: Context) -> linear_flow.Flow:
    """The flow ``cloud``; its name and those of its steps are persisted."""
    return linear_flow.Flow("cloud").add(
        CheckPrerequisites(context),
        EnsureKeyValueBackend(context),
        EnsureDatabase(context),
        EnsureDatabaseAccounts(context),
        UpgradePersistenceSchema(context),
        ProveJobboard(context),
        ReleaseControllers(context),
    )
