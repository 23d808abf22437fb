# SPDX-License-Identifier: Apache-2.0
"""A laboratory: a control plane of three hosts on one machine.

Each host is a set of kernel namespaces with its own network address and processes.
A bridge in one more network namespace joins them, so that nothing reaches another
address.
"""
