#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job before your eyes: a cloud in a temporary folder is bootstrapped,
# the conductor that holds the job is killed in the middle, the other goes on.
# Installs what it needs, leaves nothing running, touches no service of yours.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cd "$REPO"
tools/install-packages.sh
AMPHV2_OCTAVIA_VENV=$(tools/octavia-venv.sh)
export AMPHV2_OCTAVIA_VENV
# Octavia's programs are the demo's to run; the entry points are in setup.cfg.
ensure_venv "$CACHE/demo-venv" --editable "${REPO}[all]"
# Entry points and requirements may have changed since the venv was made.
as_owner "$CACHE/demo-venv/bin/python" -m pip install --quiet \
    --disable-pip-version-check --editable "${REPO}[all]"
# In the place of this script: a signal that ends it is the demo's to heed.
become_owner "$CACHE/demo-venv/bin/python" tools/demo.py "$@"
