# SPDX-License-Identifier: Apache-2.0
"""From a specification to jobs in the database and entries on the jobboard."""
