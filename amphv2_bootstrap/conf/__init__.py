# SPDX-License-Identifier: Apache-2.0
"""Configuration: one module an option group, and its reading into plain values."""

from amphv2_bootstrap.conf.loading import list_opts, load

__all__ = ["list_opts", "load"]
