# SPDX-License-Identifier: Apache-2.0
"""How fast it is, side by side with what it builds on and competes with.

Run by ``tools/bench.sh``; see doc/source/performance.rst.
"""
