#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmarks and prints the table of doc/source/performance.rst. Installs
# what it needs, and leaves nothing running. Arguments go to the benchmarks:
#   --json FILE, --only NAME..., --quick
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cd "$REPO"
tools/install-packages.sh bench
AMPHV2_OCTAVIA_VENV=$(tools/octavia-venv.sh)
export AMPHV2_OCTAVIA_VENV
packages=(--editable "${REPO}[all]" --requirement "$REPO/test-requirements.txt"
    --requirement "$REPO/benchmarks/requirements.txt")
ensure_venv "$CACHE/bench-venv" "${packages[@]}"
# Entry points and requirements may be newer than the environment.
as_owner "$CACHE/bench-venv/bin/python" -m pip install --quiet \
    --disable-pip-version-check "${packages[@]}"
as_owner "$CACHE/bench-venv/bin/python" -m benchmarks "$@"
