# SPDX-License-Identifier: Apache-2.0
"""Programs that Octavia's own Python runs, to describe it and to prove that it works.

They import only each other of this package, which isn't installed there. They import
libraries where they use them, since a failing import is a finding. Each reads a JSON
object from stdin. :mod:`.answering` writes one JSON object to stdout. The proofs write
one JSON object per line (see :mod:`.reporting`), without secrets.
:mod:`amphv2_bootstrap.adapters.octavia.program_runner` starts the programs.
"""
