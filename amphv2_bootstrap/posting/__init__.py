# SPDX-License-Identifier: Apache-2.0
"""From a specification to a job in the database and entries on the jobboard."""
