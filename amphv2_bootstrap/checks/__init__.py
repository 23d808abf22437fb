# SPDX-License-Identifier: Apache-2.0
"""What ``verify`` looks at; a check changes nothing."""
