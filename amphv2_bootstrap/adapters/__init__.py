# SPDX-License-Identifier: Apache-2.0
"""One module an outside system; foreign errors become ours here."""
