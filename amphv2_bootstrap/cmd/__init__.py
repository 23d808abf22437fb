# SPDX-License-Identifier: Apache-2.0
"""The command line: arguments to one call, and errors to exit codes."""
