# SPDX-License-Identifier: Apache-2.0
"""The engine's database: tables, migrations, queries and transactions."""
