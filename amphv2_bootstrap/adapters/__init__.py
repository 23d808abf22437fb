# SPDX-License-Identifier: Apache-2.0
"""One folder for each outside system; foreign errors become ours here."""
