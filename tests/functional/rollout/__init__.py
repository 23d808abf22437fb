# SPDX-License-Identifier: Apache-2.0
"""A roll-out in a cloud that is used: three hosts, real Octavia, clients."""
