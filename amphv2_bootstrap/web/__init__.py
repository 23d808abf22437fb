# SPDX-License-Identifier: Apache-2.0
"""The status page, health and metrics of a conductor; reads only."""
