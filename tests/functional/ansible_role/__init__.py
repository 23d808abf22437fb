# SPDX-License-Identifier: Apache-2.0
"""The Ansible role, with real ansible-core on hosts of the tests' own."""
