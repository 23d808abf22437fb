# SPDX-License-Identifier: Apache-2.0
"""Programs that Octavia's own Python runs: what it is, and proofs that it works.

They import nothing of this package but each other, since it isn't installed
there, and other libraries only where they are used: that one can't be imported is
a finding. The request is a JSON object on stdin. :mod:`.answering` gives one JSON
object on stdout. The proofs give several, a line each, as :mod:`.reporting` lists
them; no secret is among them. :mod:`amphv2_bootstrap.adapters.octavia.program_runner`
starts them.
"""
