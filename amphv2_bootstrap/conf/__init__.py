# SPDX-License-Identifier: Apache-2.0
"""Configuration: the options, and their values as checked plain values."""

from amphv2_bootstrap.conf.loading import list_opts, load

__all__ = ["list_opts", "load"]
