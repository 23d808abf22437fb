# SPDX-License-Identifier: Apache-2.0
"""The jobboard on ZooKeeper."""
