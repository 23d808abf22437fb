# SPDX-License-Identifier: Apache-2.0
"""The jobboard in the engine's own database."""
