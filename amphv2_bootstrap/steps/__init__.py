# SPDX-License-Identifier: Apache-2.0
"""The steps, one module each, by flow; a step looks up, compares and acts."""
