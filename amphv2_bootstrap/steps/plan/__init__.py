# SPDX-License-Identifier: Apache-2.0
"""What the steps of a flow would change, for whoever wants to know it before."""
