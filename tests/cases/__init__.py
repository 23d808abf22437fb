# SPDX-License-Identifier: Apache-2.0
"""Values from public reports, one module a kind; no server is needed.

What a report needs of real servers is tested where the code for it is.
"""
