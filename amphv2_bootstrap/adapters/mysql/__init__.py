# SPDX-License-Identifier: Apache-2.0
"""MariaDB and MySQL: sessions, accounts and settings; their errors become ours."""
