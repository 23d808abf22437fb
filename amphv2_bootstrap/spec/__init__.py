# SPDX-License-Identifier: Apache-2.0
"""What is wanted: frozen values, validated at once, without secrets."""
