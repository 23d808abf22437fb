#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Demonstrates the main job: it bootstraps a cloud in a temporary folder and kills the
# conductor that carries out the flow; the other conductor goes on.
# Installs what it needs, leaves nothing running, and touches no service of the system.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cd "$REPO"
tools/install-packages.sh
AMPHV2_OCTAVIA_VENV=$(tools/octavia-venv.sh)
export AMPHV2_OCTAVIA_VENV
ensure_venv "$CACHE/demo-venv" --editable "${REPO}[all]"
# Entry points and requirements may be newer than the environment.
as_owner "$CACHE/demo-venv/bin/python" -m pip install --quiet \
    --disable-pip-version-check --editable "${REPO}[all]"
# Replaces this script, so that the demo itself gets the signals.
become_owner "$CACHE/demo-venv/bin/python" tools/demo.py "$@"
