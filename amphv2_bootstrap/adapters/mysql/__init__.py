# SPDX-License-Identifier: Apache-2.0
"""MariaDB and MySQL servers: sessions, accounts, settings, and their errors as ours."""
