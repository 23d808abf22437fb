# SPDX-License-Identifier: Apache-2.0
"""Jobboards: one module a backend, all with the contract of ``engine.board``."""
