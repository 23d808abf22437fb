# SPDX-License-Identifier: Apache-2.0
"""A new account at localhost, which the server would prefer.

Sources: specify/specify7 PR 8388 and kolla-ansible's bootstrap.yml of octavia: rights
on the database (which count for the new account, too) and rights on the server.
"""

import pytest

from amphv2_bootstrap.adapters.mysql.grants import parse_grants

USAGE = "GRANT USAGE ON *.* TO `octavia`@`%` IDENTIFIED BY PASSWORD '*1'"


@pytest.mark.parametrize(
    ("grants", "would_be_lost"),
    [
        ([USAGE, "GRANT ALL PRIVILEGES ON `octavia`.* TO `octavia`@`%`"], False),
        (["GRANT ALL PRIVILEGES ON *.* TO `octavia`@`%`"], True),
        (["GRANT SELECT, INSERT ON *.* TO `octavia`@`%`"], True),
        ([USAGE, "GRANT `clouds` TO `octavia`@`%`"], True),
    ],
)
def test_rights_that_another_account_would_lack(
    grants: list[str], would_be_lost: bool
) -> None:
    """Rights on the whole server, and roles, are the account's own."""
    assert parse_grants(grants).has_global is would_be_lost
