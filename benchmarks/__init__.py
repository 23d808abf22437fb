# SPDX-License-Identifier: Apache-2.0
"""Benchmarks, in comparison with taskflow, with DBOS and with work by hand.

``tools/bench.sh`` runs them; see doc/source/performance.rst.
"""
