# SPDX-License-Identifier: Apache-2.0
"""Programs that Octavia's own Python runs, to prove that its jobboard works.

They import nothing of this package but each other, since it isn't installed
there, and other libraries only where they are used: that one can't be imported is
a finding. The request is a JSON object on stdin. The answer is JSON objects on
stdout, a line each, as :mod:`.reporting` lists them; no secret is among them.
:mod:`amphv2_bootstrap.adapters.octavia_program` starts them.
"""
