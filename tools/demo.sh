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
stamp=$(cat setup.cfg requirements.txt | sha256sum | cut -c1-8)
ensure_venv "$CACHE/demo-venv-$stamp" --editable "$REPO[all]"
as_owner "$CACHE/demo-venv-$stamp/bin/python" tools/demo.py "$@"
